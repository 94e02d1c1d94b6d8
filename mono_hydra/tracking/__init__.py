"""Camera poses: given by the recording, or estimated."""
