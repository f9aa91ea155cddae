"""Every stack on Kubernetes passes every scanner, as its file says and with every optional part on."""

from pathlib import Path

from infra.scanning import renders
from infra.scanning.objects import read
from infra.scanning.scan import scan
from infra.settings import KUBERNETES_STACKS
from infra.versions import versions


def test_no_scanner_finds_anything_in_any_stack_and_no_exemption_is_stale(tmp_path: Path) -> None:
    folders = renders.write(tmp_path, lambda _: None)
    assert [one.name for one in folders] == [
        f"{stack}{rest}" for stack in KUBERNETES_STACKS for rest in ("", "-complete")
    ]
    objects = [one for folder in folders for one in read(folder)]
    # What a stack has only with a setting must be among what is scanned.
    assert {"Ingress", "StatefulSet", "NodePool"} <= {one.kind for one in objects}
    found = {
        folder.name: findings for folder, findings in scan(folders, versions(), lambda _: None, whole=True).items()
    }
    told = [
        f"{name}: {one.file}: {one.scanner} {one.rule}: {one.message}" for name, all_ in found.items() for one in all_
    ]
    assert "\n".join(told) == ""
