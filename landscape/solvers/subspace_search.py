"""A basis on its way to the wanted eigenpairs: which direction next, when to shrink it, when to stop."""

import math

import numpy as np

from landscape.errors import UsageError
from landscape.randomness import derive_seed
from landscape.solvers.complement_check import ComplementCheck
from landscape.solvers.eigen_request import EigenRequest
from landscape.solvers.eigenpairs import Eigenpairs, random_unit_vector
from landscape.solvers.krylov_basis import KrylovBasis
from landscape.solvers.random_line import RandomLine
from landscape.solvers.ritz import Ritz
from landscape.solvers.unseen import QUESTIONED, WIDER

_BASIS_BYTES = 2**31
_MANY_ROWS = 256
_SMALL = 32
"""An operator as small as this is multiplied out: that leaves no doubt, and takes hardly more products."""


def least_rows(request: EigenRequest, pending: int, block: int) -> int:
    """Return how many rows a search cannot do without: the wanted ones, those to be multiplied, and room to turn."""
    return min(request.n, request.count + pending + max(block, 2))


def default_rows(request: EigenRequest, bytes_of_a_row: int, least: int) -> int:
    """Return how many rows a search has where nothing says otherwise."""
    by_memory = _BASIS_BYTES // bytes_of_a_row
    return max(2 * least, min(by_memory, max(_MANY_ROWS, 3 * request.count)))


def kept_exactly(request: EigenRequest) -> int:
    """Return how many rows a restart keeps in full precision where the storage of the others rounds."""
    return request.count + max(request.count, 2)


class SubspaceSearch:
    """The search from the pending rows of a basis.

    Args:
        basis: Empty but for pending rows (the start), if any; random ones fill them up to ``block``.
        request: What is wanted.
        seed: Of random directions.
        block: Products at a time.
        max_basis: Most rows in memory; see `lanczos`.

    Raises:
        UsageError: If ``max_basis`` is too small.
    """

    def __init__(
        self, basis: KrylovBasis, request: EigenRequest, seed: int, *, block: int, max_basis: int | None
    ) -> None:
        self.basis, self.request, self.seed, self.block = basis, request, seed, block
        self._drawn = self._found_at = 0
        # while all rows come from one random vector
        self.trail: RandomLine | None = None
        given = basis.pending
        while basis.pending < block and self._inject():
            pass
        # what storage rounds is corrected by multiplying anew, and the trail ends there
        if not given and block == 1 and not basis.rows.rounds:
            self.trail = RandomLine(basis)
        least, bounded = least_rows(request, basis.pending, block), max_basis is not None
        if max_basis is None:
            max_basis = default_rows(request, basis.bytes_of_a_row, least)
        if max_basis < least:
            raise UsageError(
                f"A basis of {max_basis} vectors is too small for {request.count} eigenvalues from "
                f"{basis.pending} vectors. Allow at least {least}."
            )
        self.most_rows = max_basis
        # of a rounded basis, what a restart keeps is exact
        self.most_kept = kept_exactly(request) if basis.rows.rounds else max_basis
        exact = min(self.most_kept, max_basis) if basis.rows.rounds else 0
        whole = request.n <= _SMALL and request.n <= min(max_basis, request.max_matvecs)
        self._spans = whole and not basis.rows.rounds
        basis.rows.bound(exact, max(1, max_basis - exact - block), at_once=bounded)

    def run(self, check: ComplementCheck) -> Eigenpairs:
        """Expand the basis until the wanted pairs are within their tolerance and past their check."""
        basis, limit = self.basis, self.request.max_matvecs
        count = basis.pending
        while True:
            basis.follows_rounding = bool(check.line) or (self._single(check) and not self._spans)
            basis.expand(min(count, limit - basis.matvecs))
            ritz = Ritz(basis, self.request)
            check.observe(basis, ritz)
            ritz = self._corrected(ritz, check)
            reason = self._why_stop(ritz, check)
            if reason:
                failed = ritz.to_correct or check.unsure or reason.startswith("max_matvecs")
                return ritz.pairs(reason, converged=ritz.within and not failed, reach=self._reach(ritz, check))
            if ritz.within and check.line is None and self._open(ritz, check):
                self._begin(ritz, check)
            elif not basis.pending:
                self._inject()
            count = 1 if check.line else min(self.block, basis.pending)
            self._turn(ritz, count, check)
            self._make_room(ritz, count, check)

    def _begin(self, ritz: Ritz, check: ComplementCheck) -> None:
        """Shrink the basis to what has settled, make a random vector orthogonal to it the next, and begin the check."""
        basis, self.trail = self.basis, None
        long = basis.size + check.most(basis.matvecs) > self.most_rows or basis.rows.rounds
        # what has hardly settled leads far out of the basis, and would bound nothing
        basis.restart(ritz.kept(self.request.count) if long and self.most_rows < self.request.n else ritz.firm())
        share = basis.pending
        fresh = self._inject()
        rng = np.random.default_rng(derive_seed(self.seed, "lanczos line", self._drawn))
        # as long in each direction that is pending already as a random vector is in any
        direction = rng.normal(size=basis.pending) / math.sqrt(self.request.n)
        direction[share:] = 1.0 if fresh else direction[share:]
        basis.lead(direction)
        check.begin(basis, ritz)

    def _reach(self, ritz: Ritz, check: ComplementCheck) -> np.ndarray | None:
        """Return how far each wanted eigenvalue may be, where something tells."""
        if self.basis.size == self.request.n:
            return None
        if check.reach is not None or self.trail is None or not self._single(check) or not ritz.within:
            return check.reach
        return self.trail.reach(ritz.values[ritz.wanted], self.request.k, self.request.bottom)

    def _single(self, check: ComplementCheck) -> bool:
        """Return whether the start itself is to tell what it cannot have missed: one value of an end, nothing given."""
        small = self.request.n <= QUESTIONED
        return self.trail is not None and small and not check.several and check.verify is not False

    def _open(self, ritz: Ritz, check: ComplementCheck) -> bool:
        """Return whether values within their tolerance are to be checked."""
        return not self._spans and check.needs(ritz, told=self.trail is not None)

    def _to_be_sure(self, ritz: Ritz, check: ComplementCheck) -> bool:
        """Return whether a few products more tell what the values found leave open."""
        if check.verify is False or check.reach is not None:
            return False
        if self._spans:
            return True
        if not self.basis.pending or self.trail is None or not self._single(check):
            return False
        self._found_at = self._found_at or self.basis.matvecs
        most = self._found_at + max(8, self._found_at // 2)
        if self.basis.matvecs >= min(most, self.request.max_matvecs):
            return False
        return not self.trail.excludes([], ritz.beyond(WIDER))

    def _corrected(self, ritz: Ritz, check: ComplementCheck) -> Ritz:
        """Multiply the vectors found again, in full precision, where only the rounding of the basis is in the way."""
        # after the check, whose line is to be orthogonal to the whole basis
        ready = ritz.to_correct and (not self._open(ritz, check) or self.basis.size == self.request.n)
        if not ready or self.basis.matvecs + self.request.count > self.request.max_matvecs:
            return ritz
        self.trail = None
        self.basis.begin_again(ritz.small[:, ritz.wanted], ritz.unwanted)
        while self.basis.size < self.request.count and self.basis.pending:
            self.basis.expand()
        return Ritz(self.basis, self.request)

    def _why_stop(self, ritz: Ritz, check: ComplementCheck) -> str:
        """Return why to stop now, or "" to go on."""
        if self.basis.size == self.request.n and not ritz.to_correct:
            return "the whole space is spanned"
        if ritz.within and not ritz.to_correct and not self._open(ritz, check) and not self._to_be_sure(ritz, check):
            within = "every residual is within rtol" + " or rounding, which is more" * ritz.at_rounding
            found = within if self.basis.pending else "the Krylov space is invariant"
            if check.passed:
                return f"{found}, and a search of the complement found nothing more"
            if check.unsure:
                return f"{found}, but a search of the complement as long as that for them does not exclude more values"
            return f"{found}; a repeated value is counted once (verify=True looks for more)" * check.left_out or found
        if self.basis.matvecs < self.request.max_matvecs and (self.basis.pending or self.basis.total < self.request.n):
            return ""
        storage = self.basis.rows.storage.dtype if self.basis.rows.rounds else None
        stored = f"; vectors of {storage} need more products than exact ones".replace("torch.", "") * bool(storage)
        # too few are left to multiply what was found again
        left = self.request.max_matvecs - self.basis.matvecs
        reached = f"max_matvecs ({self.request.max_matvecs}) reached" + f" but for {left}" * bool(left)
        return reached + " in the complement" * (ritz.within and not left) + stored

    def _turn(self, ritz: Ritz, count: int, check: ComplementCheck) -> None:
        """Turn the pending rows so that the next product goes where it is of most use."""
        if check.line:
            # in the complement of the rows before the line, all that is pending included
            if check.line.length:
                self.basis.lead(self.basis.B[:, -1])
        elif count < self.basis.pending:
            self.basis.lead(ritz.worst())

    def _make_room(self, ritz: Ritz, count: int, check: ComplementCheck) -> None:
        """Shrink the basis to half where the next products would not fit."""
        basis, most = self.basis, self.most_rows + bool(check.line)
        if basis.total + count <= min(most, self.request.n) or self.most_rows >= self.request.n:
            return
        begin = check.line.begin if check.line else 0
        spare = most - basis.pending - self.request.count
        room = min(self.request.count + max(bool(check.line), spare // 2), self.most_kept)
        if room >= basis.size:
            return
        line = check.line or self.trail
        if line:
            line.restart(ritz.kept(room), begin)
        else:
            basis.restart(ritz.kept(room))

    def _inject(self) -> bool:
        """Make a random direction of the complement pending; False if there is none."""
        if self.basis.total == self.request.n:
            return False
        seed = derive_seed(self.seed, "lanczos", self._drawn)
        self._drawn += 1
        self.trail = None
        return self.basis.add(random_unit_vector(self.request.n, seed, self.basis.like))
