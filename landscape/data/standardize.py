"""Inputs of mean 0 and standard deviation 1."""

import torch


def standardize(
    train: torch.Tensor, test: torch.Tensor, dimensions: tuple[int, ...]
) -> tuple[torch.Tensor, torch.Tensor]:
    r"""Return both sets as $(x - \mu) / \sigma$ in float32, with $\mu$ and $\sigma$ of the training set only.

    Args:
        train: Training inputs, floating point. Overwritten, to hold large sets in memory once.
        test: Test inputs. Overwritten too.
        dimensions: Over which the mean and the (population) standard deviation are taken.

    Returns:
        The two sets. Where a standard deviation is below 1e-3 (a pixel that is always empty) it counts as 1.
    """
    std, mean = torch.std_mean(train, dim=dimensions, correction=0, keepdim=True)
    std = torch.where(std < 1e-3, torch.ones_like(std), std)
    return train.sub_(mean).div_(std).float(), test.sub_(mean).div_(std).float()
