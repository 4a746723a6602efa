"""The history of clearfw's speed, kept by airspeed velocity: see README.md."""
