"""The hierarchical scene graph and its builders: places, objects, rooms."""
