// What an attempt ends in: the word between sender and queue. Pure data; what is sent again ends anew.
/** What became of an attempt. */
export type Answer =
  | { readonly kind: 'delivered'; readonly status: number }
  /** 410: the endpoint wants no more. */
  | { readonly kind: 'gone'; readonly status: number }
  /** Nobody listens, and that is no failure: not recorded, asked again after a pause. */
  | { readonly kind: 'absent'; readonly pauseMs: number }
  | {
      readonly kind: 'failed';
      readonly status: number | null;
      readonly detail: string;
      readonly retryAfterMs: number | null;
    };
