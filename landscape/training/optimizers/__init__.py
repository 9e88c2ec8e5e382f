"""Optimizers by name: one file each, registered with `landscape.registry.optimizers`."""
