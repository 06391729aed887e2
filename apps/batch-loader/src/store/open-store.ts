import { FolderStore } from './folder-store';
import { GoogleStore } from './google-store';
import { type ObjectStore } from './object-store';

/** @param location `gs://bucket/prefix`, or the path of a folder */
export const openStore = (location: string, googleEndpoint: string | undefined): ObjectStore =>
  location.startsWith('gs://') ? new GoogleStore(location, googleEndpoint) : new FolderStore(location);
