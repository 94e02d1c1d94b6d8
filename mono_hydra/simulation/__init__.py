"""Simulated homes: plan, furniture, light, walk, sensors, truth."""
