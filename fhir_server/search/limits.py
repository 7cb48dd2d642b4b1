"""How much one search may ask; what is more is refused, with the clause named."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchLimits:
    """Bounds of a query.

    Attributes:
        default_count: Matches a page where the client does not say.
        max_count: Matches a page at most; a greater ``_count`` is cut down to it.
        max_parameters: Parameters of one query.
        max_alternatives: Values between the commas of one parameter.
        max_chain_hops: Chain and ``_has`` steps of one parameter.
        max_chain_types: Target types that one untyped chain step may try, over all its steps.
        max_expansion: Codes that ``:in``, ``:above`` or ``:below`` may stand for.
        max_sort_keys: Parameters in ``_sort``.
        max_includes: ``_include`` and ``_revinclude`` together.
        max_include_depth: Rounds of ``:iterate``.
        max_included: Resources that includes may add to a page.
    """

    default_count: int = 20
    max_count: int = 1000
    max_parameters: int = 100
    max_alternatives: int = 500
    max_chain_hops: int = 5
    max_chain_types: int = 200
    max_expansion: int = 1000
    max_sort_keys: int = 5
    max_includes: int = 30
    max_include_depth: int = 5
    max_included: int = 1000
