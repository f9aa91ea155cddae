"""Pipeline components: what each step does, and the contract and helpers that they share."""

import atexit
import gc

# A step is a short process with many modules loaded. Objects that are frozen are left out of the collections that
# Python makes as it ends: those take a quarter of a second in a step that loads Feast.
atexit.register(gc.freeze)
