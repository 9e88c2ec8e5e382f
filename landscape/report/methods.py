"""The methods of a study as a paragraph ready to paste, with every setting and the works it rests on."""

from typing import Any

from landscape.report import points as view
from landscape.report.escape import for_html, for_markdown
from landscape.report.folder import Report
from landscape.report.primary import primary_note
from landscape.statistics.cluster_bootstrap import MIN_SEEDS
from landscape.statistics.matched_loss import TOLERANCE
from landscape.statistics.meaning import listed
from landscape.statistics.sign_error import MIN_EFFECTIVE
from landscape.stops import stop_words

REFERENCES = {
    "Jiang 2020": "Jiang, Neyshabur, Mobahi, Krishnan, Bengio (2020), Fantastic generalization measures and where to "
    "find them, ICLR.",
    "Dziugaite 2020": "Dziugaite, Drouin, Neal, Rajkumar, Caballero, Wang, Mitliagkas, Roy (2020), In search of "
    "robust measures of generalization, NeurIPS.",
    "Holm 1979": "Holm (1979), A simple sequentially rejective multiple test procedure, Scandinavian Journal of "
    "Statistics 6(2), 65-70.",
    "Kendall 1945": "Kendall (1945), The treatment of ties in ranking problems, Biometrika 33(3), 239-251.",
    "Cameron 2008": "Cameron, Gelbach, Miller (2008), Bootstrap-based improvements for inference with clustered "
    "errors, Review of Economics and Statistics 90(3), 414-427.",
    "Hesterberg 2015": "Hesterberg (2015), What teachers should know about the bootstrap, The American Statistician "
    "69(4), 371-386.",
    "Clopper 1934": "Clopper, Pearson (1934), The use of confidence or fiducial limits illustrated in the case of "
    "the binomial, Biometrika 26(4), 404-413.",
    "Hoeffding 1963": "Hoeffding (1963), Probability inequalities for sums of bounded random variables, JASA 58.",
    "Choi 2019": "Choi, Shallue, Nado, Lee, Maddison, Dahl (2019), On empirical comparisons of optimizers for deep "
    "learning, arXiv:1910.05446.",
    "Polyak 1964": "Polyak (1964), Some methods of speeding up the convergence of iteration methods, USSR "
    "Computational Mathematics and Mathematical Physics 4(5), 1-17.",
    "Kingma 2015": "Kingma, Ba (2015), Adam: a method for stochastic optimization, ICLR.",
    "Loshchilov 2019": "Loshchilov, Hutter (2019), Decoupled weight decay regularization, ICLR.",
    "Tieleman 2012": "Tieleman, Hinton (2012), Lecture 6.5: RMSProp, COURSERA: Neural networks for machine learning.",
    "Foret 2021": "Foret, Kleiner, Mobahi, Neyshabur (2021), Sharpness-aware minimization for efficiently improving "
    "generalization, ICLR.",
    "Kwon 2021": "Kwon, Kim, Park, Choi (2021), ASAM: adaptive sharpness-aware minimization for scale-invariant "
    "learning of deep neural networks, ICML.",
    "Jordan 2024": "Jordan, Jin, Boza, You, Cesista, Newhouse, Bernstein (2024), Muon: an optimizer for hidden "
    "layers in neural networks, kellerjordan.github.io/posts/muon.",
    "Li 2018": "Li, Xu, Taylor, Studer, Goldstein (2018), Visualizing the loss landscape of neural nets, NeurIPS.",
}


_AUTHORS = {
    each: f"{each} et al." for each in ("Jiang", "Dziugaite", "Cameron", "Choi", "Li", "Foret", "Kwon", "Jordan")
}
_AUTHORS |= {
    "Clopper": "Clopper and Pearson",
    "Kingma": "Kingma and Ba",
    "Loshchilov": "Loshchilov and Hutter",
    "Tieleman": "Tieleman and Hinton",
}
_OPTIMIZERS = {
    "heavy_ball": "Polyak 1964",
    "adam": "Kingma 2015",
    "adamw": "Loshchilov 2019",
    "rmsprop": "Tieleman 2012",
    "sam": "Foret 2021",
    "asam": "Kwon 2021",
    "muon": "Jordan 2024",
}


_TRAINING = (
    "loss", "model_option", "batch_size", "weight_decay", "train_examples", "label_noise", "schedule", "warmup",
    "clip_norm", "amp", "compile",
)  # fmt: skip


def methods(report: Report) -> str:
    """Return the paragraph and its references as Markdown.

    Args:
        report: The content of a report.json.
    """
    text, references = _paragraph(report)
    listed_below = "\n".join(f"- {for_markdown(each)}" for each in references)
    return f"# Methods\n\n{for_markdown(text)}\n\n{listed_below}\n"


def methods_html(report: Report) -> str:
    """Return the same, folded, as HTML."""
    text, references = _paragraph(report)
    paragraphs = "".join(f"<p>{for_html(part)}</p>" for part in (text, " ".join(f"- {each}" for each in references)))
    return f"<details><summary>Methods, ready to paste (methods.md)</summary>{paragraphs}</details>\n"


def _paragraph(report: Report) -> tuple[str, list[str]]:
    """Return the paragraph and its references as they are, to be escaped for where they are printed."""
    settings = report.get("settings") or {}
    parts = [
        _training(report, settings),
        _search(report),
        _measuring(report, settings),
        _slices(report),
        _statistics(report, settings),
    ]
    text = " ".join(part for part in parts if part)
    return text, [reference for name, reference in REFERENCES.items() if _cited(name) in text]


def _cited(name: str) -> str:
    author, year = name.split()
    return f"{_AUTHORS.get(author, author)} {year}"


def _training(report: Report, settings: dict[str, Any]) -> str:
    runs = report["runs"]
    seeds = len({run.get("seed") for run in runs})
    data = settings.get("data") or settings.get("dataset")
    if settings.get("checkpoint"):
        return f"We compared {len(runs)} trained networks ({_plain(settings.get('model'))}) on {_plain(data)}."
    # those that were run: a search or a list of factors changes what the settings say
    used = {name: {run["lr"] for run in runs if run["optimizer"] == name} - {None} for name in report["optimizers"]}
    rates = [f"{name}: {_plain(sorted(each))}" for name, each in used.items() if each]
    length = f"{settings['steps']} steps" if settings.get("steps") else f"{settings.get('epochs')} epochs"
    others = {
        key: settings[key]
        for key in _TRAINING
        if settings.get(key) not in (None, (), [], {}, [None], (None,), 0, [0.0], (0.0,), False, "off")
    }
    varied = "".join(f", {key.replace('_', ' ')} {_plain(value)}" for key, value in others.items())
    options = _options(report, settings)
    given = f"; optimizer options {options}" if options else ""
    cited = {name: f"{name} ({_cited(_OPTIMIZERS[name])})" for name in report["optimizers"] if name in _OPTIMIZERS}
    names = ", ".join(cited.get(name, name) for name in report["optimizers"])
    return (
        f"We trained {_networks(report, settings)} on {_plain(data)} with {names} for {length} at learning rates "
        f"{'; '.join(rates) or 'as given'}{varied}{given}, with {seeds} seeds each "
        f"({len(runs)} runs in all). Runs of one seed share their initial weights and the order of their data; "
        f"learning rates of different optimizers are paired by rank."
    )


def _options(report: Report, settings: dict[str, Any]) -> str:
    """The options of each optimizer, defaults too; of those that the study varies all levels."""
    given = settings.get("optimizer_option") or {}
    ran = report.get("optimizer_options") or {}
    if not ran:
        return _plain(given)
    shared = {key: each for key, each in given.items() if not isinstance(each, dict)}
    told = {}
    for name in report["optimizers"]:
        own = given.get(name)
        asked = {**shared, **(own if isinstance(own, dict) else {})}
        levels = {key: each for key, each in asked.items() if isinstance(each, list | tuple)}
        told[name] = {**ran.get(name, {}), **levels}
        if settings.get("weight_decay") not in (None, [], [None]):  # said for all
            told[name].pop("weight_decay", None)
    return "; ".join(f"{name}: {_plain(each)}" for name, each in told.items() if each)


def _networks(report: Report, settings: dict[str, Any]) -> str:
    """The networks by name, each with its number of parameters as far as the runs know it."""
    sizes: dict[str, set[int]] = {}
    for run in report["runs"]:
        name = (run.get("factors") or {}).get("model") or settings.get("model")
        size = (run.get("cost") or {}).get("parameters")
        sizes.setdefault(_plain(name), set()).update([size] if size else [])
    told = {name: " or ".join(f"{size:,}" for size in sorted(each)) for name, each in sizes.items()}
    return ", ".join(f"{name} ({size} parameters)" if size else name for name, size in told.items())


def _search(report: Report) -> str:
    search = report.get("search")
    if not search:
        return ""
    judges = {str(each["judged_by"]).replace("_", " ") for each in search["optimizers"]}
    return (
        f"Hyper-parameters of each optimizer are the best of {search['budget']} configurations drawn from a scrambled "
        f"Halton sequence (seed {search['seed']}) over its search space (Choi et al. 2019), by {' or '.join(judges)} "
        f"on {search['validation_examples']} examples held out of the training set; those that failed count as drawn, "
        f"and the test set had no part in it."
    )


def _slices(report: Report) -> str:
    surfaces = [each for each in report.get("surfaces") or [] if each.get("points")]
    if not surfaces or not report["measures"]:
        return ""
    return (
        f"The loss is sliced on {surfaces[0]['points']} x {surfaces[0]['points']} points along two random directions "
        f"with filter normalisation (Li et al. 2018) around each optimizer's run with the median "
        f"{view.term(report['measures'][0])}."
    )


def _measuring(report: Report, settings: dict[str, Any]) -> str:
    stops = listed([stop_words(stop) for stop in view.stops(report)], most=99)
    names = ", ".join(str(view.term(measure)) for measure in report["measures"])
    examples = settings.get("examples") or "all"
    targets = settings.get("target_loss")
    target, *further = targets if isinstance(targets, list | tuple) else [targets]
    matched = (
        f" A minimum counts as matched where its loss on the whole training set, in evaluation mode, lies within "
        f"{100 * TOLERANCE:.0f} % of {_plain(target)}{_levels(further)}."
        if "matched" in view.stops(report)
        else ""
    )
    moves = {
        "rescaled": "with every neuron rescaled at random",
        "balanced": "at the point of least weight norm among all rescalings of the neurons",
    }
    done = {
        point
        for run in report["runs"]
        for minimum in run["minima"].values()
        for point, found in (minimum.get("moved") or {}).items()
        if found["measurements"]
    }
    moved = " and ".join(words for point, words in moves.items() if point in done)
    again = f" They were measured again, the function unchanged, {moved}." if moved else ""
    return (
        f"Minima were taken {stops or 'nowhere'} and measured on {examples} training examples in "
        f"{settings.get('dtype', 'float32')}: {names}.{matched}{again} The generalization gap is the test loss less "
        f"the training loss, and the test error less the training error, in evaluation mode and without augmentation. "
        f"Numbers that did not converge are left out, and nothing is filled in."
    )


def _levels(further: list[Any]) -> str:
    also = f", the primary level, and likewise at {_plain(further)}" if further else ""
    return f"{also}; it is located inside the epoch, at the first step at or below {'each level' if further else 'it'}"


def _statistics(report: Report, settings: dict[str, Any]) -> str:
    related = [each for stop in view.stops(report) for each in view.relations(report, stop).get("correlations", [])]
    level = 100 * related[0]["confidence"] if related else 95
    resamples = settings.get("resamples", 2000)
    contrast = (
        f"Optimizers are compared pair by pair with {report['optimizers'][0]}: the geometric mean of the ratios, the "
        "median over seeds, and the probability that the first of a pair is the larger (Clopper and Pearson 1934, each "
        "seed one trial), over all pairs and within each level of what else varies. "
        if len(report["optimizers"]) > 1
        else ""
    )
    note = primary_note(report)
    primary = f"{note} " if note else ""
    return (
        f"{primary}{contrast}Intervals ({level:g} %) resample whole seeds {resamples} times (bootstrap seed "
        f"{settings.get('seed', 0)}), with the factor sqrt(n/(n-1)) on the error and Student's t for n seeds "
        f"(Cameron et al. 2008; Hesterberg 2015); fewer than {MIN_SEEDS} seeds have none. Where a statistic has no "
        f"spread over seeds, each seed counts as one trial. P-values of tables are corrected over the measures of one "
        f"question, those of the verdict over all measures and optimizers (Holm 1979). Measures are related to the gap "
        f"by Kendall's tau-b (Kendall 1945) and Spearman's coefficient "
        f"over all runs, within each optimizer and within each network and data set of several; by partial rank "
        f"correlations given learning rate, training loss, weight norm and margin, as far as they were measured, and "
        f"optimizer, network and data set where there are several; by the granulated coefficient along each "
        f"hyper-parameter and the normalised conditional mutual information given each two of them (Jiang et al. "
        f"2020); and by the sign-error in the worst of all pairs of settings that differ in one hyper-parameter "
        f"(Dziugaite et al. 2020), for the gap in error also with the weights of Hoeffding 1963 and at least "
        f"{MIN_EFFECTIVE:.0f} effective pairs, its interval simultaneous by Bonferroni's inequality. The learning "
        f"rate's rank alone is the baseline. The intervals of partial correlations, of information and of mean "
        "sign-errors leave out one seed at a time."
    )


def _plain(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {_plain(each)}" for key, each in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(_plain(each) for each in value)
    return f"{value:g}" if isinstance(value, float) else str(value)
