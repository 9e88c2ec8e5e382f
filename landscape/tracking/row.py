"""One stop of a tracked training: every number with its error."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Eigenvalue:
    """One eigenvalue: there is one within ``residual`` of ``value`` (rigorous); it is probably within ``bound``."""

    value: float
    residual: float
    bound: float


@dataclass(frozen=True)
class TrackRow:
    r"""What was measured before one step, and what that step did.

    All of it is over the measured examples, in evaluation mode, at the point before the step. What speaks of the step
    (its gradient norm, preconditioner, update) is that of the step really taken, with its own batch. After the last
    step one more is taken for the measurement and undone.

    Attributes:
        step: Optimizer steps taken.
        epoch: Passes over the training set.
        lr: Learning rate of the coming step.
        train_loss: Mean loss; None where it is not finite.
        train_accuracy: Share of right decisions; None without classes.
        gradient_norm: Norm of its gradient.
        step_gradient_norm: Norm of the gradient of the coming step, of its batch in training mode, before clipping.
        top_eigenvalue: Largest eigenvalue of the Hessian, with residual and bound as in `Eigenvalue`.
        eigenvalues: The ``top_k`` largest.
        preconditioned_top_eigenvalue: Of the Hessian in the metric of the coming step's preconditioner; None where the
            optimizer has none. Coupled weight decay is added to the Hessian first.
        preconditioned_eigenvalues: The ``top_k`` largest.
        edge: Threshold of the coming step; None where theory has none.
        edge_note: What it rests on, or why there is none.
        ratio: The sharpness that the edge speaks of, over the edge.
        ratio_bound: Its bound.
        gradient_alignment: Of the gradient with each top eigenvector of the Hessian: |cosine|.
        update_alignment: Of the coming step's update, likewise.
        alignment_error: Sine of the angle by which each eigenvector may be off (heuristic); 1 says nothing.
        update_norm: Length of the coming step.
        predicted_change: Of the loss, by its quadratic expansion: $\langle g, u\rangle + u^\top H u/2$.
        actual_change: Of the loss, by evaluating it after the step.
        batch_sharpness: Ratio of means $E[g_B^\top H_B g_B]/E|g_B|^2$ (Andreyev & Beneventano 2024).
        batch_sharpness_error: Its standard error over batches, to first order; 0 where one batch is everything.
        batch_sharpness_mean_of_ratios: $E[g_B^\top H_B g_B/|g_B|^2]$, the other definition.
        batch_sharpness_mean_of_ratios_error: Its standard error.
        trace: Of the Hessian, where asked for.
        trace_error: Its standard error, or rounding.
        matvecs: Products with the Hessian over all measured examples.
        converged: Whether every eigenvalue is within its tolerance, and the trace.
        reason: What did not converge, or "".
        diverged: Why training ends here, or "".
        seconds_training: Time of training so far.
        seconds_measuring: Time of measuring so far, this stop included.
    """

    step: int
    epoch: float
    lr: float
    train_loss: float | None
    train_accuracy: float | None = None
    gradient_norm: float | None = None
    step_gradient_norm: float | None = None
    top_eigenvalue: float | None = None
    top_eigenvalue_residual: float | None = None
    top_eigenvalue_bound: float | None = None
    eigenvalues: tuple[Eigenvalue, ...] = ()
    preconditioned_top_eigenvalue: float | None = None
    preconditioned_top_eigenvalue_residual: float | None = None
    preconditioned_top_eigenvalue_bound: float | None = None
    preconditioned_eigenvalues: tuple[Eigenvalue, ...] = ()
    edge: float | None = None
    edge_note: str = ""
    ratio: float | None = None
    ratio_bound: float | None = None
    gradient_alignment: tuple[float, ...] = ()
    update_alignment: tuple[float, ...] = ()
    alignment_error: tuple[float, ...] = ()
    update_norm: float | None = None
    predicted_change: float | None = None
    actual_change: float | None = None
    batch_sharpness: float | None = None
    batch_sharpness_error: float | None = None
    batch_sharpness_mean_of_ratios: float | None = None
    batch_sharpness_mean_of_ratios_error: float | None = None
    trace: float | None = None
    trace_error: float | None = None
    matvecs: int = 0
    converged: bool = True
    reason: str = ""
    diverged: str = ""
    seconds_training: float = 0.0
    seconds_measuring: float = 0.0
