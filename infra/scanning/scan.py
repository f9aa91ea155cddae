"""All scanners over renders, less what is exempt."""

import functools
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from infra.scanning import checkov, custom_resources, exemptions, kube_score, schemas
from infra.scanning.exemptions import EXEMPTIONS, Exemption
from infra.scanning.findings import Finding
from infra.scanning.objects import KubernetesObject, read
from infra.versions import Versions


def scan(
    renders: Sequence[Path],
    versions: Versions,
    say: Callable[[str], None],
    *,
    whole: bool = False,
    table: Sequence[Exemption] = EXEMPTIONS,
) -> dict[Path, list[Finding]]:
    """What is wrong in each render, sorted by file.

    Args:
        say: Told what is under way.
        whole: The renders are all that there are, so that a row of ``table`` which excuses nothing in them is a fault,
            told with the first of them.

    Raises:
        RenderError: A folder is no render.
        ScanError: A scanner cannot be had or fails.
    """
    objects = {render: read(render) for render in renders}
    # One at a time: each install says what it does, and is done before the scans run side by side.
    say("getting the scanners")
    kube_score.program()
    checkov.interpreter()
    definitions = functools.cache(lambda: custom_resources.load(versions))
    with ThreadPoolExecutor() as side_by_side:
        secure = {render: side_by_side.submit(checkov.scan, objects[render]) for render in renders}
        found = {render: _quick(objects[render], versions, definitions, render, say) for render in renders}
        say("waiting for checkov")
        every = {render: found[render] + secure[render].result() for render in renders}
    left = {render: exemptions.applied(objects[render], findings, table) for render, findings in every.items()}
    if whole:
        left[renders[0]] += exemptions.unused([one for findings in every.values() for one in findings], table)
    # A pod of a custom resource is validated twice, and told once.
    return {render: sorted(set(findings)) for render, findings in left.items()}


def _quick(
    objects: Sequence[KubernetesObject],
    versions: Versions,
    definitions: Callable[[], custom_resources.Schemas],
    render: Path,
    say: Callable[[str], None],
) -> list[Finding]:
    version = versions.kubernetes.version
    say(f"{render.name}: schemas")
    findings = schemas.scan(objects, version=version, custom=definitions)
    say(f"{render.name}: kube-score")
    return findings + kube_score.scan(objects, version=version)
