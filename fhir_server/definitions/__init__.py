"""Definitions: packages, registry of canonicals, snapshots, element trees, search parameters."""

from fhir_server.definitions.archive import packed
from fhir_server.definitions.compartments import Compartment
from fhir_server.definitions.compiler import Progress
from fhir_server.definitions.elements import (
    Binding,
    Constraint,
    Discriminator,
    Element,
    FixedValue,
    Slicing,
    Structure,
    TypeRef,
)
from fhir_server.definitions.errors import DefinitionErrors, PackageMissing, PackageRefused
from fhir_server.definitions.installed import PackageInfo, install, installed, remove
from fhir_server.definitions.loading import load_registry
from fhir_server.definitions.manifest import MANIFEST, listed_files, read_manifest
from fhir_server.definitions.packages import NATIONAL_FOLDERS, national_folders, shipped_folder
from fhir_server.definitions.reach import Reached, find_element, reach
from fhir_server.definitions.registry import Registry
from fhir_server.definitions.search_parameters import Component, SearchParameter
from fhir_server.definitions.shelf import Entry
from fhir_server.definitions.snapshot import snapshot
from fhir_server.definitions.tree import TreeCompiler
from fhir_server.definitions.type_table import ElementType, Property, TypeTable

__all__ = [
    "MANIFEST",
    "NATIONAL_FOLDERS",
    "Binding",
    "Compartment",
    "Component",
    "Constraint",
    "DefinitionErrors",
    "Discriminator",
    "Element",
    "ElementType",
    "Entry",
    "FixedValue",
    "PackageInfo",
    "PackageMissing",
    "PackageRefused",
    "Progress",
    "Property",
    "Reached",
    "Registry",
    "SearchParameter",
    "Slicing",
    "Structure",
    "TreeCompiler",
    "TypeRef",
    "TypeTable",
    "find_element",
    "install",
    "installed",
    "listed_files",
    "load_registry",
    "national_folders",
    "packed",
    "reach",
    "read_manifest",
    "remove",
    "shipped_folder",
    "snapshot",
]
