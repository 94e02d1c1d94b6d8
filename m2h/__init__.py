"""The multi-task network M2H; its code follows in a later version."""
