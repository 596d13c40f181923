"""The model server: what ``serve`` runs inside an endpoint's sandbox, and the frames it speaks with the router."""
