"""Blind listening tests: made by curators, judged by raters, read as results.

creation      a test and its arms
lifecycle     start, close, reopen, delete, what to do about failed jobs
pairs         pairs of clips as jobs complete, and the test's progress
gold          one clip damaged on purpose
trials        the next thing a rater should judge
clips         the sound of a trial, told apart by nothing but itself
coverage      which seconds were heard
votes         reports of hearing, and the vote
results       what the votes say, for one test
standings     what all tests say together
reliability   how far a rater is trusted
invitations   raters without an account
"""
