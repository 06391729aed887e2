/** The patches of kafkajs 2.2.4. Import them before kafkajs. Each patch documents the defect that it repairs. */
import './connection';
import './request-queue';
import './group-messages';
import './produce-request';
import './error-codes';
import './metadata-response';
