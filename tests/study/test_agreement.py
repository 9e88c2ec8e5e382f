from landscape.study.agreement import mark_disagreement


def row(value, error, kind="bound"):
    return {"value": value, "error": error, "error_kind": kind, "converged": True, "reason": ""}


def test_disagreement_beyond_both_errors_is_marked_and_only_that():
    measurements = {
        "a": row(4.14, 0.01),
        "b": row(4.57, 0.04),
        "c": row(9.0, 0.1),
        "d": row(None, None),
        "e": row(4.2, 0.1, "x"),
    }
    quantities = {"a": "top", "b": "top", "c": "other", "d": "top", "e": "top"}
    mark_disagreement(measurements, quantities)
    assert [each["converged"] for each in measurements.values()] == [False, False, True, True, True]
    assert "disagrees with b by 0.43" in measurements["a"]["reason"]
    close = {"a": row(4.14, 0.3), "b": row(4.57, 0.2)}
    mark_disagreement(close, quantities)
    assert all(each["converged"] for each in close.values())
