"""HTTP code shared by the services: the route table, problems, authentication and geolocation."""
