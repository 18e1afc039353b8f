"""Numbers out of an INI file, as configparser itself gives them."""

from __future__ import annotations

import configparser
import time
from typing import Any

import pytest

from tests.core.recipes.conftest import Reading

SCRIPT = """
import configparser
import torch

config = configparser.{parser}
config.read("train.ini")
model = torch.nn.Linear(2, 2)
loader = torch.utils.data.DataLoader(data())
optimizer = torch.optim.SGD(model.parameters(), lr={value})
for epoch in range(3):
    for batch in loader:
        model(batch).backward()
        optimizer.step()
        optimizer.zero_grad()
"""

INI = """
[DEFAULT]
Base = 3
steps: 7

; the numbers of a run
[train]
lr = %(base)se-5
Other: 0.5
name = percent %% sign
on = yes
[more]
lr = ${train:other}
whole = ${base}0
"""

PLAIN, EXTENDED = (
    "ConfigParser()",
    "ConfigParser(interpolation=configparser.ExtendedInterpolation())",
)
VALUES = [
    (PLAIN, 'config.getfloat("train", "lr")'),
    (PLAIN, 'config["train"].getfloat("lr")'),
    (PLAIN, 'float(config["train"]["LR"])'),
    (PLAIN, 'float(config.get("train", "lr"))'),
    (PLAIN, 'config.getint("train", "steps")'),
    (PLAIN, 'config["more"].getint("steps")'),
    (PLAIN, 'config.getfloat("train", "OTHER")'),
    (PLAIN, 'config.getfloat("train", "absent", fallback=0.25)'),
    (PLAIN, 'config["train"].getfloat("absent", 0.25)'),
    (PLAIN, '0.3 if config.getboolean("train", "on") else 0.1'),
    (PLAIN, 'config.getfloat("DEFAULT", "base")'),
    (PLAIN, 'float(dict(config.items("train"))["other"])'),
    (PLAIN, 'float(dict(config["train"].items())["steps"])'),
    (PLAIN, '0.3 if config.has_option("train", "Other") else 0.1'),
    (PLAIN, '0.3 if config.has_option("train", "absent") else 0.1'),
    (PLAIN, '0.3 if config.has_section("absent") else 0.1'),
    (PLAIN, "0.1 * len(config.sections())"),
    (PLAIN, '0.1 * len(config.options("train"))'),
    (EXTENDED, 'config.getfloat("more", "lr")'),
    (EXTENDED, 'config["more"].getint("whole")'),
]


def _python(parser: str, value: str) -> Any:
    config = eval(f"configparser.{parser}", {"configparser": configparser})
    config.read_string(INI)
    return eval(value, {"config": config})


@pytest.mark.parametrize(("parser", "value"), VALUES)
def test_a_number_is_what_the_parser_gives(reading: Reading, parser: str, value: str) -> None:
    recipe = reading(SCRIPT.format(parser=parser, value=value), files={"train.ini": INI})

    assert recipe["lr"].value == _python(parser, value)


OF_ALL = """
from configparser import ConfigParser
import torch
from torch.utils.data import DataLoader


class Settings:
    def __init__(self, file):
        parser = ConfigParser()
        parser.read(file)
        for section in parser.sections():
            for name, text in parser.items(section):
                value = None
                for kind in ["getint", "getfloat", "getboolean"]:
                    try:
                        value = getattr(parser[section], kind)(name)
                        break
                    except:
                        value = text
                setattr(self, name, value)


class Own(ConfigParser):
    def __init__(self, file):
        super().__init__()
        self.read(file)


settings, own = Settings("train.ini"), Own("train.ini")
model = torch.nn.Linear(2, 2)
loader = DataLoader(data(), batch_size=own.getint("train", "batch"))
optimizer = torch.optim.SGD(model.parameters(), lr=settings.lr, momentum=settings.other)
step = 0
for epoch in range(int(settings.num_epochs)):
    for batch in loader:
        model(batch).backward()
        optimizer.step()
        step += 1
        if settings.max_steps > 0 and step > settings.max_steps:
            break
"""


@pytest.mark.parametrize("most", [-1, 300])
def test_settings_of_a_class_that_goes_through_the_file(reading: Reading, most: int) -> None:
    text = (
        f"[a]\nother = 0.5\nmax_steps = {most}\nnum_epochs = 4.0\n[train]\nlr = 2e-3\nbatch = 8\n"
    )
    recipe = reading(OF_ALL, {"train.ini": text})
    told = configparser.ConfigParser()
    told.read_string(text)

    names = {"lr": "train", "momentum": "a", "batch_size": "train", "max_steps": "a", "epochs": "a"}
    keys = {"momentum": "other", "batch_size": "batch", "epochs": "num_epochs"}
    for field, section in names.items():
        assert recipe[field].value == told.getfloat(section, keys.get(field, field)), field


def test_it_says_where(reading: Reading) -> None:
    found = reading(
        SCRIPT.format(parser=PLAIN, value='config.getfloat("train", "lr")'), {"train.ini": INI}
    )["lr"]

    assert (str(found.place), found.flag, found.how) == ("train.ini:8", "train.lr", "configuration")


@pytest.mark.parametrize(
    ("parser", "value"),
    [
        (PLAIN, 'config.getfloat("train", "name")'),
        (PLAIN, 'config["train"]["lr"]'),  # text, which no optimizer takes
        (PLAIN, 'config.getfloat("nowhere", "lr")'),
        ("ConfigParser(interpolation=Own())", 'config.getfloat("train", "lr")'),
        ("RawConfigParser()", 'config.getfloat("train", "lr")'),
    ],
)
def test_what_has_no_number_is_unknown(reading: Reading, parser: str, value: str) -> None:
    recipe = reading(SCRIPT.format(parser=parser, value=value), {"train.ini": INI})

    assert recipe["lr"].value is None and recipe["lr"].certainty in ("unknown", "absent")


@pytest.mark.parametrize(
    "text",
    [
        "[train]\n"
        + "".join(f"a{n} = {f'%(a{n + 1})s' * 20}\n" for n in range(9))
        + "a9 = 1\nlr = %(a0)s\n",
        "[train]\nlr = %(lr)s\n",
        "no section\n",
        "[train]\nlr = 1\n[train]\nlr = 2\n",
        "[train\n\0lr",
    ],
)
def test_any_file_has_an_end(reading: Reading, text: str) -> None:
    began = time.process_time()
    script = SCRIPT.format(parser=PLAIN, value='config.getfloat("train", "lr")')

    assert reading(script, {"train.ini": text})["lr"].value is None
    assert time.process_time() - began < 5
