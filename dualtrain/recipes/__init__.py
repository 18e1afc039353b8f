"""Training recipes as other people wrote them: what they say, and what they may not have meant."""

from dualtrain.recipes._recipe import RecipeError, read_recipe
from dualtrain.recipes._record import FIELDS, Certainty, Found, Hazard, Recipe

__all__ = ["FIELDS", "Certainty", "Found", "Hazard", "Recipe", "RecipeError", "read_recipe"]
