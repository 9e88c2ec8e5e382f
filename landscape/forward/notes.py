"""What has to be said of how a module is run."""

from torch import nn

from landscape.forward.setting import Setting, has_cudnn_rnn


def notes_on(model: nn.Module, setting: Setting) -> list[str]:
    """Return one plain sentence for everything that a reader of the numbers should know about the forward pass."""
    modules = list(model.modules())
    notes = []
    norms = [each for each in modules if isinstance(each, nn.modules.batchnorm._BatchNorm)]
    if norms and setting.batch_norm == "batch":
        notes.append("BatchNorm uses the statistics of each batch, so numbers depend on how examples are batched")
    elif any(each.running_mean is not None for each in norms):
        notes.append("BatchNorm uses its running statistics")
    if setting.batch_norm != "batch" and any(each.running_mean is None for each in norms):
        notes.append("BatchNorm without running statistics uses those of each batch, whatever the mode")
    if any(isinstance(each, nn.modules.dropout._DropoutNd) and each.p > 0 for each in modules):
        notes.append("dropout is off, as in evaluation")
    if has_cudnn_rnn(model, setting.device):
        notes.append("recurrent layers run without cuDNN, whose kernels have no second derivative")
    if any(each._backward_hooks or each._backward_pre_hooks for each in modules):
        notes.append("backward hooks of modules are left out")
    return notes
