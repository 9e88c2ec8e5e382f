r"""Model + loss + examples = L(theta) on a flat vector."""

import copy
import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from landscape.batch_structure import describe
from landscape.batches import Batches, content, drawn, move_batch, spread_rows
from landscape.criterion import mean_loss, opaque
from landscape.errors import ProblemError, UsageError
from landscape.forward.chosen_parameters import choose_parameters
from landscape.forward.decisions import Evaluation as Evaluation
from landscape.forward.decisions import share_right
from landscape.forward.notes import notes_on
from landscape.forward.runner import Runner
from landscape.forward.setting import Setting
from landscape.forward.sharded import Shards, whole
from landscape.forward.trial import Trial, check_loss, try_out
from landscape.forward.unwrap import unwrap
from landscape.full_precision import full_precision
from landscape.loss_contract import LossOfModel, loss_contract
from landscape.one_problem import refuse_different
from landscape.repeatable import prepare
from landscape.weighted_batches import weigh

_TRIED_EXAMPLES = 32


class Problem:
    r"""The training objective of a model as a function of one flat vector.

    $$L(\theta) = \frac1N \sum_{i=1}^N \ell(f_\theta(x_i), y_i) + \frac{\text{weight\_decay}}{2}|\theta|^2$$

    The mean is over examples: a batch counts by its size, so an uneven last batch changes nothing. The model comes
    back as it was: parameters, buffers, modes, attributes, gradients, hooks; and so do the global random generators.

    Args:
        model: Any module; of one that is compiled or wrapped for parallel training, the original is measured. Its
            trainable parameters, each once (tied ones too), in the order of ``named_parameters()``, make up theta.
            They may be shards over several processes (``fully_shard``); see `Point` for what is then kept where.
        loss: ``"cross_entropy"`` or another registered name, a criterion ``(outputs, targets) -> mean``, or a
            function whose first argument is named ``model``: ``(model, batch) -> scalar mean over the batch``.
        data: Tensors ``(x, y)`` or a dict of them, a ``Dataset``, or any iterable of batches (not an iterator).
        parameters: Names of the parameters that make up theta, with shell wildcards (``"layer4.*"``); the others are
            held fixed. All trainable ones when None.
        batch_size: Examples per forward pass for tensors and a ``Dataset``; chosen by their size when None. It
            changes memory and speed, not numbers.
        batch_size_of: A function of a batch that returns how many examples it holds, for batches that do not show it;
            by default the length of the first tensor in it.
        batch_weight_of: A function of a batch that returns what its mean is over, where that is not its examples:
            tokens that are not padding, for a loss that is a mean over tokens. torch's cross-entropies need none:
            targets that are ignored and weights of classes are seen.
        freeze_data: Keep the examples of one pass in memory, for data that are augmented or can be had only once.
        dtype: Precision of parameters and inputs in every computation; the model's own by default, and float32 for
            weights of fewer digits.
        device: Where to compute; where the model lies by default.
        weight_decay: Coefficient of the $|\theta|^2/2$ term; 0 leaves it out.
        batch_norm: ``"evaluation"`` (running statistics) or ``"batch"`` (those of each batch): two functions.
        process_group: Processes of ``torch.distributed`` that hold the same model and data, and share the examples
            of every product, diagonal and perturbed loss; each has to ask for the same in the same order. Those that
            hold the shards of the parameters when None.
        tf32: Let float32 products round their factors, as PyTorch is set to: 1e-3 to 1e-2 off; see `full_precision`.

    Attributes:
        notes: What a reader of the numbers should know about how the model is run, as plain clauses: "BatchNorm uses
            its running statistics", "2 of 12 parameters are frozen".

    Raises:
        ProblemError: If there are no trainable parameters or no examples; if the data or the model are random; if the
            model or the loss raises, or the loss is not one number of the parameters; if processes sharing it differ.
        UsageError: If an argument cannot be what it is.

    Cost:
        A pass through the data to count them, a second one over the first 1,024 examples of a loader, and a gradient
        and five forward passes on 32 examples.

    Example:
        >>> import torch
        >>> x, y = torch.randn(20, 3), torch.randint(2, (20,))
        >>> problem = Problem(torch.nn.Linear(3, 2), "cross_entropy", (x, y))
        >>> problem.num_parameters, problem.num_examples
        (8, 20)
    """

    def __repr__(self) -> str:
        """Return what it is a problem of."""
        return f"Problem({type(self.model).__name__}, {self.num_parameters} parameters, {self.num_examples} examples)"

    def __init__(
        self,
        model: nn.Module,
        loss: str | Callable[..., Tensor],
        data: Any,
        *,
        parameters: str | Sequence[str] | None = None,
        batch_size: int | None = None,
        batch_size_of: Callable[[Any], float] | None = None,
        batch_weight_of: Callable[[Any], float] | None = None,
        freeze_data: bool = False,
        dtype: torch.dtype | None = None,
        device: torch.device | str | None = None,
        weight_decay: float = 0.0,
        batch_norm: str = "evaluation",
        process_group: Any = None,
        tf32: bool = False,
    ) -> None:
        if batch_norm not in ("evaluation", "batch"):
            raise UsageError(f"batch_norm is 'evaluation' or 'batch', not {batch_norm!r}.")
        self.model, notes = unwrap(model)
        chosen = choose_parameters(self.model, parameters, dtype, device)
        self.parameter_names, self.shapes = chosen.names, chosen.shapes
        self.sizes = [shape.numel() for shape in self.shapes]
        self.num_parameters = sum(self.sizes)
        self.dtype, self.device = chosen.dtype, chosen.device
        self.weight_decay, self.tf32, self.batch_norm = weight_decay, tf32, batch_norm
        shards = Shards.of(self.model, self.parameter_names, process_group)
        self.ranks, self.holders = shards.ranks, shards.holders
        contract = loss_contract(loss)
        self._criterion, self._loss_of_model = contract.criterion, LossOfModel(self.model, contract.of_batch)
        batches, found = prepare(
            Batches(data, batch_size, batch_size_of), freeze=freeze_data, mixing=batch_norm == "batch"
        )
        self._batches = weigh(batches.kept_near(self.device), batch_weight_of or contract.divisor)
        if self._criterion is not None and not self._batches.uniform:
            self._criterion = opaque(self._criterion)
        setting = Setting(batch_norm, self.device, writes=True, tf32=tf32)
        self._run = Runner(self.model, self.parameter_names, self.dtype, self.device, setting, shards.frozen)
        tried = self._try_out()
        notes += [*chosen.notes, *shards.notes, *notes_on(self.model, setting), *contract.notes, *found]
        self.notes = tuple(dict.fromkeys([*notes, *self._batches.notes, *tried.notes]))
        refuse_different(self)

    @property
    def num_examples(self) -> int:
        """How many examples the loss is taken over."""
        return self._batches.num_examples

    @property
    def setting(self) -> Setting:
        """How the model is run: mode, kernels, what is left out and put back."""
        return self._run.setting

    @property
    def theta(self) -> Tensor:
        """The model's present parameters as one new vector, shape ``(n,)``."""
        parameters = dict(self.model.named_parameters())
        return self.flatten([whole(parameters[name]) for name in self.parameter_names])

    def flatten(self, tensors: Sequence[Tensor]) -> Tensor:
        """Return tensors shaped like the parameters as one vector of shape ``(n,)``."""
        return torch.cat([each.reshape(-1).to(self.device, self.dtype) for each in tensors])

    def unflatten(self, theta: Tensor) -> list[Tensor]:
        """Return views of a vector of shape ``(n,)`` shaped like the parameters."""
        pieces = torch.split(theta, self.sizes)
        return [piece.view(shape) for piece, shape in zip(pieces, self.shapes, strict=True)]

    def batches(self) -> Iterator[tuple[Any, float]]:
        """Go through (batch on the device, its share of what the mean is over: of all examples, as a rule)."""
        for batch, share in self._batches:
            yield move_batch(batch, self.device, self.dtype), share

    def subset(self, count: int, seed: int = 0) -> "Problem":
        """Return the same objective of ``count`` examples drawn without replacement; everything else is shared.

        Raises:
            UsageError: If there are not so many examples.
        """
        return self._of(drawn(self.num_examples, count, seed, f"a subset of {count}"))

    def split(self, count: int, seed: int = 0) -> tuple["Problem", "Problem"]:
        """Return the same objective of two disjoint sets of ``count`` examples each, drawn without replacement.

        Raises:
            UsageError: If there are not so many examples.
        """
        both = drawn(self.num_examples, 2 * count, seed, f"two disjoint sets of {count}")
        return self._of(both[:count]), self._of(both[count:])

    def with_data(self, data: Any, *, dtype: torch.dtype | None = None) -> "Problem":
        """Return the same objective of other examples, in another precision if asked for; the model is shared."""
        other = self.with_dtype(dtype or self.dtype)
        other._batches = self._batches.of(data)
        return other

    def with_dtype(self, dtype: torch.dtype) -> "Problem":
        """Return the same objective in another precision, held parameters and buffers too; the model is shared."""
        other = copy.copy(self)
        other.dtype, other._run = dtype, dataclasses.replace(self._run, dtype=dtype)
        return other

    def with_model(self, model: nn.Module) -> "Problem":
        """Return the same objective of another model whose parameters have the same names and shapes."""
        other = copy.copy(self)
        other.model, other._run = model, dataclasses.replace(self._run, model=model)
        other._loss_of_model = LossOfModel(model, self._loss_of_model.loss)
        return other

    def _of(self, indices: Tensor) -> "Problem":
        chosen = copy.copy(self)
        chosen._batches = self._batches.take(indices.sort().values)
        return chosen

    def _try_out(self) -> Trial:
        """Evaluate some examples for the first time, and run the model from now on as they show to be right."""
        leaves = [each.requires_grad_() for each in self.unflatten(self.theta)]
        batch = spread_rows(next(self.batches())[0], _TRIED_EXAMPLES)
        run, module = self._run, self._loss_of_model
        weight_of = None if self.batch_norm == "batch" else self._batches.weight
        tried = try_out(lambda some: run(module, leaves, some, "model."), leaves, batch, weight_of)
        flags = (tried.autocast, tried.checkpointing, tried.draws)
        setting = Setting(self.batch_norm, self.device, *flags, tf32=self.tf32)
        writes = dataclasses.replace(run, setting=setting).writes(module, leaves, batch, "model.")
        self._run = dataclasses.replace(run, setting=dataclasses.replace(setting, writes=writes))
        return tried

    def batch_loss(self, parameters: Sequence[Tensor], batch: Any) -> Tensor:
        """Return the mean loss of one batch, differentiable in ``parameters`` as often as wanted.

        Raises:
            ProblemError: If the loss is no scalar.
        """
        loss = self._run(self._loss_of_model, parameters, batch, "model.")
        check_loss(loss)
        with torch.enable_grad():
            return loss.reshape(())  # type: ignore[no-any-return]

    def batch_outputs(self, parameters: Sequence[Tensor], batch: Any) -> Tensor:
        """Return the model's outputs for one batch ``(x, y)``, differentiable in ``parameters``.

        Raises:
            ProblemError: If the outputs are no single tensor.
        """
        outputs = self._run(self.model, parameters, content(batch)[0])
        if not isinstance(outputs, Tensor):
            raise ProblemError(f"The outputs must be one tensor here; the model gave {describe(outputs)}.")
        return outputs

    def batch_criterion(self, outputs: Any, batch: Any) -> Tensor:
        """Return the mean loss of one batch ``(x, y)`` by its outputs."""
        return mean_loss(self.require_criterion(), outputs, content(batch)[1])

    def require_criterion(self) -> Callable[[Tensor, Tensor], Tensor]:
        """Return the loss as a function of (outputs, targets).

        Raises:
            ProblemError: If it is a function of (model, batch), which has no outputs to speak of.
        """
        if self._criterion is None:
            raise ProblemError(
                "This needs the outputs of the model, which a loss(model, batch) does not show. Give a criterion "
                "(outputs, targets) and batches (x, y)."
            )
        return self._criterion

    def loss(self, theta: Tensor | None = None) -> float:
        """Return L(theta), accumulated in float64 over batches; at the model's own parameters by default."""
        theta = (self.theta if theta is None else theta).detach()
        parameters, total = self.unflatten(theta), 0.0
        # read when all are on their way: a GPU is waited for once
        losses = [(share, self.batch_loss(parameters, batch).detach()) for batch, share in self.batches()]
        for share, each in losses:
            total += share * float(each)
        return total + self._penalty(theta)

    def gradient(self, theta: Tensor | None = None) -> Tensor:
        """Return the gradient of L at theta, shape ``(n,)``."""
        theta = (self.theta if theta is None else theta).detach()
        leaves = [each.clone().requires_grad_() for each in self.unflatten(theta)]
        total = self.weight_decay * theta
        with full_precision(self.tf32):
            for batch, share in self.batches():
                loss = self.batch_loss(leaves, batch)
                total += share * self.flatten(torch.autograd.grad(loss, leaves, materialize_grads=True))
        return total

    def evaluate(self, theta: Tensor | None = None) -> Evaluation:
        """Return mean loss and accuracy over all examples at theta; without the weight decay term.

        Accuracy needs batches ``(x, y)`` with a criterion and integer labels; otherwise it is None.
        """
        theta = (self.theta if theta is None else theta).detach()
        parameters, loss, right = self.unflatten(theta), 0.0, 0.0
        classes = self._criterion is not None
        for batch, share in self.batches():
            if not classes:
                loss += share * float(self.batch_loss(parameters, batch).detach())
                continue
            outputs = self._run(self.model, parameters, content(batch)[0])
            loss += share * float(self.batch_criterion(outputs, batch).detach())
            found = share_right(outputs, content(batch)[1])
            classes, right = found is not None, right + share * (found or 0.0)
        return Evaluation(loss, right if classes else None)

    def _penalty(self, theta: Tensor) -> float:
        return 0.5 * self.weight_decay * float(theta.double().square().sum()) if self.weight_decay else 0.0
