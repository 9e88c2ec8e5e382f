"""``landscape doctor``: whether this machine can do the work."""

import json
import os
import shutil
from pathlib import Path

import click


@click.command("doctor")
@click.option("--device", default="auto", metavar="NAME", help="auto, cpu, cuda, cuda:1 or mps.")
@click.option("--data-dir", metavar="DIR", help="Where data sets lie.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def command(device: str, data_dir: str | None, as_json: bool, debug: bool) -> None:
    """Check versions, device, double backward, attention, free memory and the data that is found."""
    from landscape.device import resolve_device
    from landscape.memory import available_memory
    from landscape.study.diagnosis import attention_error, data_found, double_backward_error
    from landscape.study.environment import device_name, extras, processor, versions

    chosen = resolve_device(device)
    free, found = available_memory(), data_found(Path(data_dir) if data_dir else None)
    optional = {**extras(), "ffmpeg": shutil.which("ffmpeg") or "missing: surfaces have no mp4"}
    errors = {"double_backward": double_backward_error(chosen), "attention": attention_error(chosen)}
    result = {
        "versions": versions(),
        "device": f"{chosen} ({device_name(chosen)})",
        "processor": f"{processor()}, {os.cpu_count()} cores",
        "free_memory_bytes": free,
        "relative_errors": errors,
        "data": found,
        "optional": optional,
    }
    if as_json:
        click.echo(json.dumps(result))
        return
    for name, version in versions().items():
        click.echo(f"{name:<18} {version}")
    click.echo(f"{'device':<18} {result['device']}")
    click.echo(f"{'processor':<18} {result['processor']}")
    click.echo(f"{'free memory':<18} {'unknown' if free is None else f'{free / 2**30:.1f} GiB'}")
    for name, error in errors.items():
        click.echo(f"{name:<18} {'right' if error < 1e-3 else 'WRONG'} (relative error {error:.0e})")
    for name, where in {**found, **optional}.items():
        click.echo(f"{name:<18} {where}")
