"""The most bytes of tensors that a call holds at once, by the allocator's own record."""

import torch


def peak_bytes(call):
    """Return what the call returns, and its peak of CPU tensor memory beyond what there was before."""
    with torch.autograd.profiler.profile(profile_memory=True) as profile:
        result = call()
    now = peak = 0
    for event in profile.kineto_results.events():
        if event.name() == "[memory]":
            now += event.nbytes()
            peak = max(peak, now)
    return result, peak
