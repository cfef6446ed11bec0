"""What tests share: servers, clients, engines, doubles and samples; no test module imports another."""
