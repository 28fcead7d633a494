"""The main job on one machine: a hub, three agents, a camera, a pipeline across two of them."""
