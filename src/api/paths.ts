/** Where the versioned API begins. */
export const apiRoot = '/apis/sond.dev/v1alpha1'
