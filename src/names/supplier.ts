/** A supplier's name as people write it, without what a terminal or a page would act upon. */
export const supplierPattern = /^[^\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]{1,200}$/u;
