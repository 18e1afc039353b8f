"""Static graphs of Paddle: minimize is said once, and each run of the program is an update."""

from __future__ import annotations

import pytest

from tests.core.recipes.conftest import Reading

STATIC = """
import paddle
import paddle.static as static

paddle.enable_static()
main = static.Program()
startup = static.Program()
with static.program_guard(main, startup):
    loss = paddle.mean(net(static.data("x", [None, 2])))
    scheduler = paddle.optimizer.lr.StepDecay(0.5, step_size=2000, gamma=0.25)
    optimizer = paddle.optimizer.Momentum(scheduler, momentum=0.125)
    optimizer.minimize(loss)
tests = main.clone(for_test=True)
exe = static.Executor(paddle.CPUPlace())
exe.run(startup)
loader = paddle.io.DataLoader(data, batch_size=16)
for epoch in range(3):
    for batch in loader():
        exe.run(PROGRAM, feed=batch, fetch_list=[loss])
        STEP
    for batch in others():
        exe.run(tests, feed=batch, fetch_list=[loss])
"""
FLUID = """
import paddle
import paddle.fluid as fluid

cost = fluid.layers.mean(net(fluid.layers.data("x", [2])))
fluid.optimizer.SGDOptimizer(learning_rate=0.5).minimize(cost)
exe = fluid.Executor(fluid.CPUPlace())
exe.run(fluid.default_startup_program())
reader = paddle.batch(data(), batch_size=64)
for pass_id in range(5):
    for batch in reader():
        exe.run(PROGRAM)
"""


@pytest.mark.parametrize(
    "program", ["main", "static.CompiledProgram(main).with_data_parallel(loss_name=loss.name)"]
)
@pytest.mark.parametrize(("step", "clock"), [("scheduler.step()", "per_batch"), ("pass", "never")])
def test_runs_of_the_program_are_updates(
    reading: Reading, program: str, step: str, clock: str
) -> None:
    recipe = reading(STATIC.replace("PROGRAM", program).replace("STEP", step))
    assert (recipe["lr"].value, recipe["momentum"].value) == (0.5, 0.125)
    assert (recipe["epochs"].value, recipe["batch_size"].value) == (3, 16)
    assert recipe["scheduler_step"].value == clock
    codes = {one.code for one in recipe.hazards}
    assert ("sched_never_stepped" in codes) is (clock == "never")


def test_runs_of_another_program_are_none(reading: Reading) -> None:
    recipe = reading(STATIC.replace("PROGRAM", "tests").replace("STEP", "pass"))
    assert recipe["epochs"].certainty == "unknown"
    assert recipe["batch_size"].certainty == "unknown"


@pytest.mark.parametrize(
    "program", ["feed=batch", "fluid.default_main_program(), feed=batch", "program=None"]
)
def test_the_default_program(reading: Reading, program: str) -> None:
    recipe = reading(FLUID.replace("PROGRAM", program))
    assert (recipe["optimizer"].value, recipe["lr"].value) == ("sgd", 0.5)
    assert (recipe["epochs"].value, recipe["batch_size"].value) == (5, 64)
