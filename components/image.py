"""The one image that every component runs in on a cluster; on one machine only its name matters.

A run on a cluster has its stack's image in this one's place, by digest (pipelines/cluster.py).

It contains kfp: components say ``install_kfp_package=False``, or each step would start with a ``pip install``.
"""

IMAGE = "keelson/components:0.1.0"
