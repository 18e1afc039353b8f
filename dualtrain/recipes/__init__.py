"""Training recipes as other people wrote them: what they say, and what they may not have meant."""

from dualtrain.recipes._as_spec import entries
from dualtrain.recipes._effects import MICRO_BATCHES, effect
from dualtrain.recipes._hazard_table import HAZARDS, HazardKind
from dualtrain.recipes._recipe import RecipeError, read_recipe
from dualtrain.recipes._record import FIELDS, Certainty, Found, Hazard, Recipe
from dualtrain.recipes._text import recipe_json, recipe_yaml
from dualtrain.recipes._told import Entry, Untold
from dualtrain.recipes.trainers._given import given_by_command, given_by_data
from dualtrain.recipes.trainers._releases import release_of
from dualtrain.recipes.trainers._trainers import trainer_recipe

__all__ = [
    "FIELDS",
    "HAZARDS",
    "MICRO_BATCHES",
    "Certainty",
    "Entry",
    "Found",
    "Hazard",
    "HazardKind",
    "Recipe",
    "RecipeError",
    "Untold",
    "effect",
    "entries",
    "given_by_command",
    "given_by_data",
    "read_recipe",
    "recipe_json",
    "recipe_yaml",
    "release_of",
    "trainer_recipe",
]
