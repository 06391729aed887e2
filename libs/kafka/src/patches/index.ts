/** The patches of kafkajs 2.2.4. Import them before kafkajs. Each patch documents the defect that it repairs. */
// First: the connection of kafkajs loads what it replaces.
import './produce-request';
import './connection';
import './request-queue';
import './group-messages';
import './error-codes';
import './metadata-response';
