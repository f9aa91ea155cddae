"""The one image that every component runs in on a cluster; on one machine only its name matters."""

IMAGE = "keelson/components:0.1.0"
