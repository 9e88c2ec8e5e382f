from landscape.statistics.pairing import find_pairs


def run(optimizer, seed, lr_rank=0, **factors):
    return {"optimizer": optimizer, "seed": seed, "lr_rank": lr_rank, "factors": {"lr": seed + lr_rank, **factors}}


def test_pairs_differ_in_the_optimizer_alone():
    runs = [
        run(optimizer, seed, rank, batch_size=batch)
        for optimizer in ("sgd", "adam", "rmsprop")
        for seed in range(3)
        for rank in range(2)
        for batch in (32, 64)
    ]
    pairs, alone = find_pairs(runs, "adam", "sgd")
    assert (len(pairs), alone) == (12, 0)
    for pair in pairs:
        assert (pair.numerator["optimizer"], pair.denominator["optimizer"]) == ("adam", "sgd")
        for key in ("seed", "lr_rank"):
            assert pair.numerator[key] == pair.denominator[key] == getattr(pair, key)
        assert pair.numerator["factors"]["batch_size"] == pair.denominator["factors"]["batch_size"]


def test_learning_rates_may_differ_within_a_pair():
    sgd, adam = run("sgd", 0), run("adam", 0)
    sgd["factors"]["lr"] = 99.0
    assert len(find_pairs([sgd, adam], "adam", "sgd")[0]) == 1


def test_runs_without_partner_are_counted():
    pairs, alone = find_pairs([run("sgd", 0), run("sgd", 1), run("adam", 1), run("adam", 2)], "adam", "sgd")
    assert ([pair.seed for pair in pairs], alone) == ([1], 2)


def test_runs_that_cannot_be_told_apart_are_not_paired():
    pairs, alone = find_pairs([run("sgd", 0), run("sgd", 0), run("adam", 0)], "adam", "sgd")
    assert (pairs, alone) == ([], 3)


def test_checkpoints_without_seed_or_learning_rate_pair_once():
    runs = [{"optimizer": name, "seed": None, "lr": None} for name in ("sgd", "adam")]
    assert len(find_pairs(runs, "adam", "sgd")[0]) == 1
