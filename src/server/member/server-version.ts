/** The version that this member speaks and tells, everywhere. */
export const serverVersion = '3.6.5';
