from landscape.report.relation_tables import explanations

TRACE = {"name": "trace", "label": "trace", "symbol": "", "sign": 1}
FEW = "no interval: it needs at least 3 seeds, there are 2"


def record(value, low=None, high=None, note="", **keys):
    return {"measure": "trace", "gap": "gap_loss", "value": value, "low": low, "high": high, "note": note, **keys}


def report(mean, least):
    minimum = {"train_loss": 0.01, "measurements": {"trace": {"value": 1.0, "converged": True}}}
    relations = {"granulated": [mean | {"axis": "mean"}], "information": [least | {"given": ["least"]}]}
    return {
        "optimizers": ["sgd"],
        "measures": [TRACE],
        "runs": [{"id": "sgd", "optimizer": "sgd", "lr": 0.1, "seed": 0, "minima": {"end": minimum}}],
        "relations": {"end": relations},
        "primary": None,
    }


def test_a_coefficient_without_an_interval_says_why():
    table = explanations(report(record(-1.0, note=FEW), record(1.0, note=FEW)), "end", brief=True)
    assert "−1.00" in table.rows[0]
    assert "1.00" in table.rows[0]
    assert table.notes == ("Ψ, K without an interval: it needs at least 3 seeds, there are 2.",)


def test_reasons_stand_beside_what_they_are_of():
    alike = "no interval: every seed gave the same number, so seeds show no spread"
    table = explanations(report(record(-1.0, note=FEW), record(0.0, note=alike)), "end")
    assert table.notes == (
        "Ψ without an interval: it needs at least 3 seeds, there are 2.",
        "K without an interval: every seed gave the same number, so seeds show no spread.",
    )


def test_nothing_is_said_of_intervals_that_are_there_nor_of_what_has_no_value():
    undefined = record(None, note="undefined: it needs at least 5 runs, there are 4")
    assert not explanations(report(record(0.5, 0.1, 0.9), undefined), "end").notes
