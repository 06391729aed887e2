/** The patches of kafkajs 2.2.4. To be imported before kafkajs; each says what is wrong without it. */
import './connection';
import './filter-aborted-messages';
import './request-queue';
import './group-messages';
import './produce-request';
