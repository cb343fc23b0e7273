-- The subscriber system's fictional data and the call record are two databases: an operator replaces the first.
CREATE DATABASE crm OWNER decroche;
CREATE DATABASE calls OWNER decroche;
