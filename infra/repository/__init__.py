"""What the repository on GitHub must be set to: its branches, environments, Actions and roles.

One table (``roles``, ``table``), a pure comparison (``changes``), and thin calls of GitHub's REST API (``github``).
"""
