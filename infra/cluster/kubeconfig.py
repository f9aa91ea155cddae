"""The file by which a client finds a cluster and proves who it is."""

import base64
import json

from infra.cluster.certificates import KeyPair


def kubeconfig(server: str, authority: str, user: KeyPair) -> str:
    """A kubeconfig of one cluster and one user, as JSON, which is YAML too.

    Args:
        server: Address of the API server, such as ``https://127.0.0.1:21000``.
        authority: PEM certificate that the server's own is signed with.
    """
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [
                {"name": "keelson", "cluster": {"server": server, "certificate-authority-data": _encoded(authority)}}
            ],
            "users": [
                {
                    "name": "keelson",
                    "user": {
                        "client-certificate-data": _encoded(user.certificate),
                        "client-key-data": _encoded(user.key),
                    },
                }
            ],
            "contexts": [{"name": "keelson", "context": {"cluster": "keelson", "user": "keelson"}}],
            "current-context": "keelson",
        },
        indent=2,
    )


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
