"""Components and pipelines of the source tree, found by their places, compiled to KFP's intermediate representation."""

import pipelines.kfp_without_client  # noqa: F401

# isort: split
import ast
import hashlib
import importlib
import json
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml
from kfp import compiler

from components.image import IMAGE
from pipelines.versioning.interface import Interface, interface
from pipelines.versioning.sources import ROOT, sources

Kind = Literal["components", "pipelines"]


class DefinitionError(Exception):
    """A component or pipeline is not what its place says; the message names it and the way out."""


@dataclass(frozen=True, kw_only=True)
class Definition:
    """One component or pipeline, compiled.

    Attributes:
        document: The intermediate representation, as YAML.
        specification: The same, read.
        sources: What it consists of. Of a component: digest of each file, by path. Of a pipeline: version of each
            component, by name; its own graph is in the document.
    """

    kind: Kind
    name: str
    document: bytes
    specification: Mapping[str, Any]
    sources: Mapping[str, str]

    @property
    def title(self) -> str:
        """What people call it: ``component train``."""
        return f"{self.kind.removesuffix('s')} {self.name}"

    @property
    def interface(self) -> Interface:
        """What it takes and gives."""
        return interface(self.specification)


@dataclass(frozen=True, kw_only=True)
class PipelineModule:
    """A module that defines a pipeline, and the version that it says."""

    name: str
    file: Path
    version: str


def component_names(root: Path = ROOT) -> list[str]:
    """Names of the components: folders of ``components`` that have a face for KFP."""
    return sorted(file.parent.name for file in (root / "components").glob("*/component.py"))


def pipeline_modules(root: Path = ROOT) -> list[PipelineModule]:
    """Modules of ``pipelines`` with a function that ``dsl.pipeline`` decorates; its name is the module's.

    Raises:
        DefinitionError: A function has another name than its module, or the module has no ``VERSION``.
    """
    return [found for file in sorted((root / "pipelines").glob("*.py")) for found in _pipeline_in(file)]


def _pipeline_in(file: Path) -> Iterator[PipelineModule]:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    versions = [
        node.value.value
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "VERSION"
        if isinstance(node.value, ast.Constant)
    ]
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and any("dsl.pipeline" in ast.unparse(d) for d in node.decorator_list):
            if node.name != file.stem or not versions:
                raise DefinitionError(
                    f"{file.name} defines the pipeline {node.name}; a pipeline has its module's name, "
                    'and the module says VERSION = "..."'
                )
            yield PipelineModule(name=node.name, file=file, version=str(versions[0]))


def components() -> list[Definition]:
    """Every component of the project, compiled.

    Raises:
        DefinitionError: A folder's face has no function of its name.
    """
    made = []
    for name in component_names():
        document = compiled(_member(f"components.{name}.component", name))
        made.append(
            Definition(
                kind="components",
                name=name,
                document=document,
                specification=yaml.safe_load(document),
                sources=sources(ROOT / "components" / name),
            )
        )
    return made


def pipelines_of(versions: Mapping[str, str]) -> list[Definition]:
    """Every pipeline of the project, compiled; ``versions`` are those of components, by name."""
    made = []
    for module in pipeline_modules():
        document = compiled(pipeline(module.name))
        specification = yaml.safe_load(document)
        used = {name: versions[name] for name in sorted(set(steps(specification).values()))}
        made.append(
            Definition(
                kind="pipelines",
                name=module.name,
                document=document,
                specification=specification,
                sources=used,
            )
        )
    return made


def pipeline(name: str) -> Callable[..., Any]:
    """The pipeline of a name, as ``dsl.pipeline`` made it."""
    return _member(f"pipelines.{name}", name)


def _member(module: str, name: str) -> Callable[..., Any]:
    found = getattr(importlib.import_module(module), name, None)
    if found is None:
        raise DefinitionError(f"{module} has no function {name}; a component and a pipeline have their place's name")
    return found


def compiled(function: Callable[..., Any]) -> bytes:
    """A component or pipeline as YAML, the same bytes each time."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "compiled.yaml"
        compiler.Compiler().compile(function, str(file))  # pyright: ignore[reportArgumentType]
        return file.read_bytes()


def steps(specification: Mapping[str, Any]) -> dict[str, str]:
    """Names of executors that run this project's components, and of those components."""
    found = {}
    for name, executor in specification["deploymentSpec"]["executors"].items():
        arguments = executor.get("container", {}).get("args", [])
        if "--function_to_execute" in arguments:
            found[name] = arguments[arguments.index("--function_to_execute") + 1]
    return found


def digest(specification: Mapping[str, Any]) -> str:
    """SHA-256 of what a definition says, whatever compiled it and whatever the image is called: a run has its own."""
    told = {name: value for name, value in specification.items() if name != "sdkVersion"}
    text = json.dumps(told, sort_keys=True).replace(json.dumps(IMAGE), '"image"')
    return hashlib.sha256(text.encode()).hexdigest()
