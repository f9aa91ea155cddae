"""What a cluster for tests is made of, as far as it can be seen without one."""

import base64
import hashlib
import io
import json
import os
import socket
import ssl
import subprocess
import sys
import tarfile
import threading
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID

from infra.cluster import enclosure, images, node, operators, record
from infra.cluster.certificates import Authority
from infra.cluster.control_plane import TOOLS as CONTROL_PLANE
from infra.cluster.kubeconfig import kubeconfig
from infra.cluster.layout import ClusterLayout
from infra.tools.catalogue import load
from infra.versions import versions

ROOT = Path(__file__).parents[3]


def test_its_servers_are_of_the_stacks_minor_version() -> None:
    found = {
        tool.name: tool.version
        for tool in load(group="cluster").tools
        if tool.go is not None and tool.go.module == "k8s.io/kubernetes"
    }
    assert set(found) < {*CONTROL_PLANE, *node.TOOLS}
    assert {"kube-apiserver", "kubelet", "kube-proxy"} < set(found)
    (version,) = set(found.values())
    assert version.startswith(f"{versions().kubernetes.version}.")
    modules = (ROOT / "infra" / "tools" / "kubernetes" / "go.mod").read_text()
    assert f"k8s.io/kubernetes v{version}\n" in modules


def test_a_server_is_trusted_by_the_clusters_own_authority_and_by_no_other(tmp_path: Path) -> None:
    authority, other = Authority("one"), Authority("other")
    served = authority.server("server", ["127.0.0.1", "kubernetes.default.svc"])
    for name, text in (("crt", served.certificate), ("key", served.key)):
        (tmp_path / name).write_text(text)
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(tmp_path / "crt", tmp_path / "key")
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            for _ in range(2):
                connection, _ = listener.accept()
                try:
                    server.wrap_socket(connection, server_side=True).close()
                except OSError:
                    connection.close()

        thread = threading.Thread(target=serve)
        thread.start()
        address = listener.getsockname()
        trusting = ssl.create_default_context(cadata=authority.certificate)
        with socket.create_connection(address) as made:
            trusting.wrap_socket(made, server_hostname="127.0.0.1").close()
        doubting = ssl.create_default_context(cadata=other.certificate)
        with socket.create_connection(address) as made, pytest.raises(ssl.SSLCertVerificationError):
            doubting.wrap_socket(made, server_hostname="127.0.0.1")
        thread.join()


def test_a_users_certificate_says_its_name_and_its_groups() -> None:
    authority = Authority("one")
    made = json.loads(kubeconfig("https://127.0.0.1:1", authority.certificate, authority.client("ann", ["a", "b"])))
    (user,) = made["users"]
    certificate = x509.load_pem_x509_certificate(base64.b64decode(user["user"]["client-certificate-data"]))
    said = {
        kind: [one.value for one in certificate.subject.get_attributes_for_oid(kind)]
        for kind in (NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME)
    }
    assert said == {NameOID.COMMON_NAME: ["ann"], NameOID.ORGANIZATION_NAME: ["a", "b"]}


def test_ports_are_chosen_that_nobody_listens_on() -> None:
    first = record.choose("simulated").ports
    assert max(first.model_dump().values()) < 32768
    with socket.create_server(("127.0.0.1", first.scheduler)):
        second = record.choose("simulated").ports
    assert not set(first.model_dump().values()) & set(second.model_dump().values())


@pytest.mark.parametrize("text", ["", "{", '{"nodes": "imagined"}'])
def test_a_record_that_was_not_finished_is_none(tmp_path: Path, text: str) -> None:
    layout = ClusterLayout(tmp_path)
    assert record.read(layout) is None
    layout.record.write_text(text)
    assert record.read(layout) is None


def test_a_real_node_is_refused_where_it_would_not_see_its_own_folder() -> None:
    if os.geteuid() == 0:
        fault = node.fault(Path("/var/lib/ci/keelson/.local/cluster"))
        assert fault is not None
        assert "/var/lib" in fault
    assert enclosure.covers(Path("/var/library")) is None


def test_an_image_says_what_it_holds(tmp_path: Path) -> None:
    program = tmp_path / "tool"
    program.write_bytes(b"text")
    archive = images.of_program("localhost/a:1", program, ["/bin/tool"])
    assert archive == images.of_program("localhost/a:1", program, ["/bin/tool"])
    assert b"localhost/a:1" in archive


def test_a_program_is_in_an_image_under_each_name_that_is_asked_for(tmp_path: Path) -> None:
    program = tmp_path / "tool"
    program.write_bytes(b"text")
    with tarfile.open(
        fileobj=io.BytesIO(images.of_program("localhost/a:1", program, ["/bin/tool"], beside={"sh": program}))
    ) as archive:
        layer = archive.extractfile("layer.tar")
        assert layer is not None
        with tarfile.open(fileobj=layer) as files:
            assert files.getnames() == ["bin/tool", "bin/sh"]


def made(*arguments: str) -> str:
    """The commands that make would run, where the shell knows a cluster already."""
    variables = {**os.environ, "KUBECONFIG": "/home/ann/.kube/config"}
    command = ["make", "--dry-run", "--silent", *arguments]
    return subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True, check=True).stdout


def test_an_image_with_one_more_layer_brings_that_layer_alone_and_names_those_below(tmp_path: Path) -> None:
    program, below, above = tmp_path / "tool", tmp_path / "below.tar", tmp_path / "above.tar"
    program.write_bytes(b"program")
    below.write_bytes(images.of_program("localhost/below:1", program, ["/bin/tool"]))
    above.write_bytes(images.with_layer(below, "localhost/above:1", {"bin/tool": b"another", "etc/.wh.old": b""}))
    with tarfile.open(below) as saved:
        first = read(saved, "layer.tar")
    with tarfile.open(above) as saved:
        (listed,) = json.loads(read(saved, "index.json"))["manifests"]
        manifest = json.loads(blob(saved, listed["digest"]))
        config = json.loads(blob(saved, manifest["config"]["digest"]))
        known, new = manifest["layers"]
        assert f"blobs/{known['digest'].replace(':', '/')}" not in saved.getnames()
        with tarfile.open(fileobj=io.BytesIO(blob(saved, new["digest"]))) as layer:
            assert {name: read(layer, name) for name in layer.getnames()} == {
                "bin/tool": b"another",
                "etc/.wh.old": b"",
            }
    assert listed["annotations"] == {"io.containerd.image.name": "localhost/above:1"}
    assert known == {**new, "digest": f"sha256:{hashlib.sha256(first).hexdigest()}", "size": len(first)}
    assert config["rootfs"]["diff_ids"] == [known["digest"], new["digest"]]
    assert config["config"]["Entrypoint"] == ["/bin/tool"]


def read(archive: tarfile.TarFile, name: str) -> bytes:
    member = archive.extractfile(name)
    assert member is not None
    return member.read()


def blob(archive: tarfile.TarFile, digest: str) -> bytes:
    found = read(archive, f"blobs/{digest.replace(':', '/')}")
    assert digest == f"sha256:{hashlib.sha256(found).hexdigest()}"
    return found


def test_a_prometheus_sees_what_the_charts_values_let_it_see() -> None:
    values = {"podMonitorSelectorNilUsesHelmValues": False, "ruleSelectorNilUsesHelmValues": True, "resources": {}}
    made = operators.server_of({**values, "scrapeInterval": "60s", "storageSpec": {"volumeClaimTemplate": {}}})
    assert {key for key in made if key.endswith("Selector")} == {"podMonitorSelector", "podMonitorNamespaceSelector"}
    assert made["scrapeInterval"] == "60s"
    assert "storageSpec" not in made


@pytest.mark.parametrize("target", ["cluster", "test-cluster"])
def test_a_cluster_that_the_shell_knows_is_not_touched_unless_it_is_named(target: str) -> None:
    assert "/home/ann" not in made(target)
    assert "/home/eve/config" in made(target, "KUBECONFIG=/home/eve/config")


def test_an_existing_cluster_that_does_not_answer_is_named(tmp_path: Path) -> None:
    nobody = tmp_path / "kubeconfig"
    authority = Authority("one")
    nobody.write_text(kubeconfig("https://127.0.0.1:9", authority.certificate, authority.client("ann")))
    for file in (nobody, tmp_path / "absent"):
        command = [sys.executable, "-m", "infra.cluster.up", "--kubeconfig", str(file)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 1
        assert done.stderr.startswith("make cluster: ")
        assert str(file) in done.stderr
        assert "Traceback" not in done.stderr
