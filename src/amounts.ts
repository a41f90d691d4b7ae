/** How far a push has come. */
export interface Amounts {
  entries: number;
  /** Bytes of the dataset that were read. */
  datasetBytes: number;
  sealedBytes: number;
  /** Bytes of the suitcase that the server has; null where nothing is uploaded: a dry run, a spool. */
  acknowledgedBytes: number | null;
  /** Bytes of the dataset, where they can be known before they are read. */
  totalBytes?: number;
  /** What the last deposit had; its suitcase only where this one will be of the same kind. */
  last?: { datasetBytes: number; suitcaseBytes: number | null };
  /** Bytes of the suitcase, once all is sealed. */
  suitcaseBytes?: number;
}
