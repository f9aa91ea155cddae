"""A recording as a folder of texts for review, put in place whole or not at all."""

import json
import re
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from infra.render import cost, graph, images, matrix
from infra.render.manifests import RenderError, additions, additions_files, file_name, manifests, one_file_each
from infra.render.notation import as_json, code, decoded, table
from infra.render.recording import Recording, Resource
from infra.render.tree import LAYERS, layer, paths

# Holds the list of a render's files, so that the next one replaces those and nothing else.
MARKER = ".keelson-render"

_PLACEHOLDER = re.compile(r"<([A-Za-z0-9-]+)(?:\.[A-Za-z0-9]+(?:\[\d+\])?)*>")
# Placeholders of no resource: what the account itself knows.
_ACCOUNT = ("account", "caller")
_INDEX = """\
# Stack {stack}

What `pulumi up` of this stack would ask for. Nothing here was made, and no account was asked.

{contents}
## Resources

{layers}
## Outputs

{outputs}
## Known only after deployment

A value that only AWS knows is marked by the resource and the property that will hold it, such as `<network-vpc.id>`;
`<account>` is the account's number. A secret is `[secret]`. Nothing is invented in their place.

{unknown}"""


def files(recording: Recording) -> dict[str, str]:
    """Every file of a render, ``{"aws/s3/Bucket-data-bucket.json": text}``, equal for equal recordings.

    Raises:
        RenderError: Two resources would be one file.
    """
    return dict(
        sorted(
            {
                **manifests(recording),
                **additions_files(recording),
                **_of_account(recording),
                **_provider_files(recording),
                "README.md": _index(recording),
                "components.json": as_json(_components(recording)),
                "graph.svg": graph.svg(recording),
                "images.txt": images.listing(recording),
            }.items()
        )
    )


def _of_account(recording: Recording) -> dict[str, str]:
    """What is asked of AWS, what it may do and what it costs; nothing where a stack asks it for nothing."""
    if not recording.of_package("aws"):
        return {}
    return {
        **_aws_files(recording),
        "cost.md": cost.report(recording).markdown(),
        "iam.md": matrix.document(recording),
    }


def write(rendered: Mapping[str, str], out: Path) -> None:
    """Put a render at ``out``, in place of a former one.

    The files are written beside ``out`` first; when anything fails, ``out`` is as it was.

    Raises:
        RenderError: ``out`` exists and is not a render, or holds files that no render wrote.
    """
    out = out.resolve()
    _refuse_others(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{out.name}-", dir=out.parent) as folder:
        new, old = Path(folder) / "new", Path(folder) / "old"
        for path, text in {**rendered, MARKER: as_json(sorted(rendered))}.items():
            file = new / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8", newline="\n")
        if out.exists():
            out.rename(old)
        try:
            new.rename(out)
        except BaseException:
            if old.exists():
                old.rename(out)
            raise


def _refuse_others(out: Path) -> None:
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return
    marker = out / MARKER
    if not marker.is_file():
        raise RenderError(f"{out} exists and is not a former render: give a new folder, or remove it.")
    known = {MARKER, *json.loads(marker.read_text(encoding="utf-8"))}
    others = sorted(
        path for one in out.rglob("*") if not one.is_dir() and (path := one.relative_to(out).as_posix()) not in known
    )
    if others:
        raise RenderError(
            f"{out} holds files that no render wrote ({', '.join(others[:3])}{', ...' if len(others) > 3 else ''}):"
            " move them, or give another folder."
        )


def _aws_files(recording: Recording) -> dict[str, str]:
    """``aws/<service>/<Kind>-<name>.json``."""
    return _as_files(
        recording,
        [(f"aws/{_service(one)}/{file_name(one.kind, one.name)}.json", one) for one in recording.of_package("aws")],
    )


def _provider_files(recording: Recording) -> dict[str, str]:
    """``providers/<Kind>-<name>.json``, the providers' own settings."""
    providers = [one for one in recording.resources if one.package == "pulumi" and not one.component]
    return _as_files(recording, [(f"providers/{file_name(one.kind, one.name)}.json", one) for one in providers])


def _as_files(recording: Recording, made: list[tuple[str, Resource]]) -> dict[str, str]:
    places = paths(recording)
    return {path: as_json(_described(one, places)) for path, one in one_file_each(made).items()}


def _described(resource: Resource, places: Mapping[str, str]) -> dict[str, Any]:
    return {
        "component": places.get(resource.parent, ""),
        "depends_on": sorted(places.get(urn, urn) for urn in resource.depends_on),
        "ignore_changes": list(resource.ignore_changes),
        "inputs": decoded(resource.inputs),
        "name": resource.name,
        "protect": resource.protect,
        "retain_on_delete": resource.retain_on_delete,
        "type": resource.type,
    }


def _components(recording: Recording) -> dict[str, Any]:
    """What each component waits for, which all in it then waits for; a component stands for its resources."""
    places = paths(recording)
    parents = {one.urn: places.get(one.parent, places[one.urn]) for one in recording.resources}
    return {
        places[one.urn]: {"after": sorted({parents.get(urn, urn) for urn in one.depends_on}), "type": one.type}
        for one in recording.resources
        if one.component
    }


def _service(resource: Resource) -> str:
    return resource.type.split(":")[1].split("/")[0]


def _index(recording: Recording) -> str:
    return _INDEX.format(
        stack=recording.stack,
        contents=table(["file", "what it shows"], _contents(recording)),
        layers=_layers(recording),
        outputs=table(
            ["output", "value"], [[code(name), code(_one_line(value))] for name, value in _outputs(recording)]
        ),
        unknown=table(["value", "resources that use it"], _unknown(recording)),
    )


def _contents(recording: Recording) -> Iterator[list[str]]:
    found, others = manifests(recording), len(additions(recording))
    secrets = len([path for path in found if path.startswith("secrets/")])
    objects, of_aws = len(found) - secrets, len(recording.of_package("aws"))
    yield ["[graph.svg](graph.svg)", "all resources by component, and what needs what"]
    if of_aws:
        yield ["[iam.md](iam.md)", "who may do what in AWS and why; every wildcard"]
        yield ["[cost.md](cost.md)", "what it costs a month"]
        yield ["[aws/](aws/)", f"{of_aws} resources: inputs, order, protection; policies as JSON"]
    yield ["[kubernetes/](kubernetes/)" if objects else "kubernetes/", f"{objects} objects as manifests, by namespace"]
    if secrets:
        yield ["[secrets/](secrets/)", f"{secrets} Secrets without their values, not to be applied"]
    yield ["[charts.md](charts.md)", f"{others} charts and kustomizations by their pinned source, with their values"]
    yield ["[images.txt](images.txt)", f"{len(images.images(recording))} images and what uses them"]
    yield ["[components.json](components.json)", "the tree of components, and what each as a whole waits for"]
    yield ["[providers/](providers/)", "settings of the providers"]


def _layers(recording: Recording) -> str:
    """Counts by layer, and the most frequent kinds of each."""
    kinds: dict[str, Counter[str]] = {name: Counter() for name in LAYERS}
    for one in (*recording.of_package("aws"), *recording.of_package("kubernetes")):
        kinds[layer(one)][one.kind] += 1
    rows = [
        [name, str(found.total()), ", ".join(f"{kind} {count}" for kind, count in sorted(found.items()))]
        for name, found in kinds.items()
        if found
    ]
    total = sum(found.total() for found in kinds.values())
    return table(["layer", "resources", "kinds"], [*rows, ["all", str(total), ""]])


def _outputs(recording: Recording) -> list[tuple[str, Any]]:
    return sorted(recording.outputs.items())


def _one_line(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(decoded(value), sort_keys=True)


def _unknown(recording: Recording) -> Iterator[list[str]]:
    """Each placeholder and how many resources use it."""
    names = {one.name for one in recording.resources} | set(_ACCOUNT)
    counts: Counter[str] = Counter()
    for one in recording.resources:
        counts.update({found for text in _texts(one.inputs) for found in _placeholders(text, names)})
    counts.update({found: 0 for text in _texts(recording.outputs) for found in _placeholders(text, names)})
    return ([code(text), str(count)] for text, count in sorted(counts.items()))


def _placeholders(text: str, names: set[str]) -> Iterator[str]:
    return (found.group() for found in _PLACEHOLDER.finditer(text) if found.group(1) in names)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for one in value.values():
            yield from _texts(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _texts(one)
