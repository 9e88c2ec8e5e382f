"""What measures say of themselves in report.json."""

QUANTITIES = {"power_iteration_top_eigenvalue": "top eigenvalue", "pac_bayes_sigma": "PAC-Bayes noise level"}
NO_SHARPNESS = {
    "preconditioned_top_eigenvalue": "is measured in coordinates of the optimizer's own",
    "weight_norm": "is not a sharpness",
}


def describe(names):
    """What measures of these names say of themselves in report.json."""
    return [
        {
            "name": name,
            "quantity": QUANTITIES.get(name, name.replace("_", " ")),
            "sign": 0 if name in NO_SHARPNESS else -1 if name == "pac_bayes_sigma" else 1,
            "why_not": NO_SHARPNESS.get(name, ""),
        }
        for name in names
    ]
