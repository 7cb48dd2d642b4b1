"""What an operation is to the dispatcher and to the CapabilityStatement.

Spec: https://hl7.org/fhir/R4/operations.html
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from fhir_server.interaction.services import Handler, InteractionOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One entry of the table of operations (``fhir_server.operation.OPERATIONS``).

    Attributes:
        name: Without ``$``.
        handler: Answers it; it reads its input with `operation_input`.
        definition: Canonical of the OperationDefinition; ``[type]`` in it stands for the type.
        resource_types: Types it is offered on, at type or instance level; None: every type.
        on_system: Whether ``[base]/$name`` exists.
        on_type: Whether ``[base]/[type]/$name`` exists.
        on_instance: Whether ``[base]/[type]/[id]/$name`` exists.
        instance_types: Types it is offered on at instance level, where they are others.
        definitions: Canonicals by type, where they are others.
        affects_state: Whether it changes something; then only POST calls it.
        judges_input: Whether resources in its input may have any shape: finding out is its purpose.
        starts_job: Whether it answers with a job itself; others are made one where the client
            prefers it.
        is_allowed: Says whether the options allow it; where they do not, it is not announced, and
            its handler refuses.
    """

    name: str
    handler: Handler
    definition: str
    resource_types: Collection[str] | None = None
    on_system: bool = False
    on_type: bool = False
    on_instance: bool = False
    instance_types: Collection[str] | None = None
    definitions: Mapping[str, str] = field(default_factory=dict)
    affects_state: bool = False
    judges_input: bool = False
    starts_job: bool = False
    is_allowed: Callable[[InteractionOptions], bool] = lambda _: True

    def definition_on(self, resource_type: str) -> str:
        """Return the canonical of the OperationDefinition where it is called on a type."""
        definition = self.definitions.get(resource_type, self.definition)
        return definition.replace("[type]", resource_type)

    def is_offered(self, shape: str, resource_type: str) -> bool:
        """Say whether the operation exists at a URL of that shape."""
        if shape == "system-operation":
            return self.on_system
        if shape == "instance-operation" and self.instance_types is not None:
            return self.on_instance and resource_type in self.instance_types
        if self.resource_types is not None and resource_type not in self.resource_types:
            return False
        return self.on_type if shape == "type-operation" else self.on_instance
