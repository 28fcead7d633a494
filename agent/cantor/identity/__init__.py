"""Who a node is: keys, certificates, enrolment, and the TLS contexts built from them."""
