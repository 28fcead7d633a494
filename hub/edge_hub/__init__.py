"""The hub of Cantor Edge: enrolment, the fleet, and the API that the console speaks."""
