"""Faults of runs of several processes: whose rows, whose weights, and what is said between them."""

from __future__ import annotations

from benchmarks.mutants._mutant import Mutant

__all__ = ["MUTANTS"]

_AT = "dualtrain/training/"
_PROCESSES = f"{_AT}processes/_processes.py"
_SENTINEL = f"{_AT}processes/_sentinel.py"
_TORCH = "backends/dualtrain_torch/processes.py"
_PADDLE = "backends/dualtrain_paddle/processes.py"

MUTANTS = (
    Mutant(
        name="processes: shares that overlap",
        breaks="of rows that cannot be shared evenly some count twice, and the last not at all",
        file="dualtrain/world.py",
        old="start = self.rank * share + min(self.rank, more)",
        new="start = self.rank * share",
    ),
    Mutant(
        name="processes: a mean for the sum",
        breaks="gradients are as many times too small as there are processes",
        file=_PROCESSES,
        old="        return self.world.size\n",
        new="        return 1\n",
    ),
    Mutant(
        name="processes: a mean of means",
        breaks="each process divides by its own targets: uneven shares weigh alike",
        file=f"{_AT}loop/_update.py",
        old="applied = run.step(loss_sum, divisor=divisor)",
        new="own = max(1, objective.targets(share)) * run.processes.world.size\n"
        "                several = run.processes.are_several and len(batches) == 1\n"
        "                applied = run.step(loss_sum, divisor=own if several else divisor)",
    ),
    Mutant(
        name="processes: rows of none count",
        breaks="a process without rows adds the first one once more",
        file=f"{_AT}loop/_update.py",
        old="loss_sum = loss_sum * 0.0",
        new="loss_sum = loss_sum * 1.0",
    ),
    Mutant(
        name="processes: the loss of one",
        breaks="the trace has the first process's part of each loss",
        file=f"{_AT}loop/_update.py",
        old="MicroLoss(run.processes.summed(loss_sum), divisor, count)",
        new="MicroLoss(loss_sum.detach(), divisor, count)",
    ),
    Mutant(
        name="processes: averaged but for the last",
        breaks="of an accumulated update the last micro-batch is each process's own",
        file=_PROCESSES,
        old="with nullcontext() if averages else",
        new="with nullcontext() if not averages else",
    ),
    Mutant(
        name="processes: all drop out the same",
        breaks="every process but the first has the same masks",
        file=f"{_AT}loop/_drawn.py",
        old="SeedSequence([run.plan.spec.seed, rank, run.attempts])",
        new="SeedSequence([run.plan.spec.seed, 1, run.attempts])",
    ),
    Mutant(
        name="processes: the device of the whole",
        breaks="on a second machine processes ask for devices that it has not",
        file=_PROCESSES,
        old='return f"cuda:{world.local_rank}"',
        new='return f"cuda:{world.rank}"',
    ),
    Mutant(
        name="processes: other batches in each",
        breaks="a loader that each process shuffles its own way is taken",
        file=_PROCESSES,
        old="        if expected != value:\n",
        new="        if type(expected) is not type(value):\n",
    ),
    Mutant(
        name="processes: callbacks of the first alone",
        breaks="a callback of the other processes is never called",
        file=f"{_AT}observers/_callbacks.py",
        old="[one for one in callbacks if one.everywhere or run.processes.world.leads]",
        new="[one for one in callbacks if run.processes.world.leads]",
    ),
    Mutant(
        name="processes: a logger in each",
        breaks="every process writes the same numbers into the same log",
        file="dualtrain/loggers/_logger.py",
        old="    everywhere = False\n",
        new="    everywhere = True\n",
    ),
    Mutant(
        name="processes: dropout's numbers for the batches",
        breaks="a run that goes on shuffles by what the first process drops out by",
        file=f"{_AT}run/_checkpoint.py",
        old="random=run.drawn_random or random_of(run),",
        new="random=random_of(run),",
    ),
    Mutant(
        name="torch: buffers of its own",
        breaks="each process keeps the buffers that it came with",
        file=_TORCH,
        old="for tensor in (*model.parameters(), *model.buffers()):",
        new="for tensor in model.parameters():",
    ),
    Mutant(
        name="paddle: buffers of its own",
        breaks="each process keeps the buffers that it came with",
        file=_PADDLE,
        old="for tensor in (*model.parameters(), *model.buffers()):",
        new="for tensor in model.parameters():",
        survives="`paddle.DataParallel`, in which every Paddle run of several processes is, sends "
        "the first one's buffers by itself; torch's `fully_shard` does not",
    ),
    Mutant(
        name="torch: sums in the low type",
        breaks="a float16 loss is summed over the processes in float16",
        file=_TORCH,
        old="total = tensor.detach().double().clone()",
        new="total = tensor.detach().clone()",
    ),
    Mutant(
        name="torch: all parameters are used",
        breaks="a model with a branch that a micro-batch does not take stops at its second update",
        file=_TORCH,
        old="device_ids=devices, find_unused_parameters=True",
        new="device_ids=devices, find_unused_parameters=False",
    ),
    Mutant(
        name="torch: FSDP gathers nothing back",
        breaks="with `full` each micro-batch but the last leaves its gradients unsummed for good",
        file=_TORCH,
        old="        model.set_requires_gradient_sync(True)\n",
        new="        model.set_requires_gradient_sync(False)\n",
    ),
    Mutant(
        name="paddle: fleet clips by a part",
        breaks="with `optimizer` each process clips by the norm of its own parameters",
        file=_PADDLE,
        old="for p in moved if p.grad is not None]",
        new="for p in self._stage_1._rank2params[dist.get_rank()] if p.grad is not None]",
    ),
    Mutant(
        name="paddle: fleet keeps what it moved",
        breaks="with `optimizer` no process has the parameters that the others have moved",
        file=_PADDLE,
        old="        self._stage_1._sharding_sync_parameters()\n",
        new="        pass\n",
    ),
    Mutant(
        name="presence: a meeting of the first to come",
        breaks="nobody waits for a process that writes a checkpoint",
        file=_SENTINEL,
        old="here = min(peer.met for peer",
        new="here = max(peer.met for peer",
    ),
    Mutant(
        name="presence: who is done is lost",
        breaks="of a run that ended well a process is said to be lost",
        file=_SENTINEL,
        old="if peer.is_done or rank in self._losses:",
        new="if rank in self._losses:",
    ),
    Mutant(
        name="presence: anybody is believed",
        breaks="who calls the first sentinel without its word is taken for a process",
        file=_SENTINEL,
        old='elif message.get("word") == self._settings.word:',
        new='elif "word" in message:',
    ),
    Mutant(
        name="presence: the last that is lost",
        breaks="named is a process that ended for another's sake",
        file=_SENTINEL,
        old="self._settle(min(self._losses.values()))",
        new="self._settle(max(self._losses.values()))",
    ),
    Mutant(
        name="presence: silence is borne",
        breaks="a process that stands still is waited for as long as the framework waits",
        file=_SENTINEL,
        old="if peer.silent > self._settings.silence:",
        new="if peer.silent > 1000 * self._settings.silence:",
    ),
)
