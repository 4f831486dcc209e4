/** Ms after which an exchange without an answer has failed. The kernel sends a lost SYN again only after a second. */
export const PATIENCE = 250
