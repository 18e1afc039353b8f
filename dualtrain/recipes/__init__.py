"""Training recipes as other people wrote them: what they say, and what they may not have meant."""

from dualtrain.recipes._as_spec import Entry, Untold, entries
from dualtrain.recipes._recipe import RecipeError, read_recipe
from dualtrain.recipes._record import FIELDS, Certainty, Found, Hazard, Recipe
from dualtrain.recipes._text import recipe_json, recipe_yaml

__all__ = [
    "FIELDS",
    "Certainty",
    "Entry",
    "Found",
    "Hazard",
    "Recipe",
    "RecipeError",
    "Untold",
    "entries",
    "read_recipe",
    "recipe_json",
    "recipe_yaml",
]
