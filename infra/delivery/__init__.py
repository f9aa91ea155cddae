"""The way of a change through dev, staging and prod: what may enter where, on which evidence, and how it is put there.

Workflows call these modules, one step each. ``promotion`` decides and knows no network; ``ledger`` keeps the evidence
as deployments in GitHub; ``enter`` and ``settle`` open and close an entry round what a step does.
"""
