--
-- PostgreSQL database dump
--

SET statement_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;

CREATE TABLE public.customer (
    id integer NOT NULL,
    name text NOT NULL,
    contact text NOT NULL,
    street text,
    postcode character(6),
    place text,
    email text,
    since date NOT NULL,
    CONSTRAINT customer_pkey PRIMARY KEY (id)
);

CREATE TABLE public.invoice (
    id integer NOT NULL,
    customer_id integer NOT NULL REFERENCES public.customer (id),
    issued date NOT NULL,
    cents bigint NOT NULL,
    paid boolean DEFAULT false NOT NULL,
    reference text,
    CONSTRAINT invoice_pkey PRIMARY KEY (id)
);

CREATE TABLE public.note (
    id integer NOT NULL,
    customer_id integer NOT NULL REFERENCES public.customer (id),
    written timestamp with time zone NOT NULL,
    author text NOT NULL,
    body text NOT NULL,
    CONSTRAINT note_pkey PRIMARY KEY (id)
);

